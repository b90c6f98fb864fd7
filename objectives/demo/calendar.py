"""When things happened in the demo: instants on an account's own clock, in weeks before its last boundary."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from objectives.weeks import WEEK, boundary_at, last_week_at_or_before, local_day

SETTLE = timedelta(minutes=1)  # a boundary's snapshot is due one minute later
TICK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The weeks of one timezone as of an instant; `sunday` is the last one whose snapshot is due."""

    timezone: str
    at: datetime
    sunday: date

    @classmethod
    def of(cls, timezone: str, at: datetime) -> Self:
        """Find the last Sunday of a timezone."""
        return cls(timezone, at, last_week_at_or_before(at - SETTLE, timezone))

    @property
    def today(self) -> date:
        """Name the day it is there."""
        return local_day(self.at, self.timezone)

    def week(self, weeks_ago: int) -> date:
        """Name a week by its Sunday."""
        return self.sunday - weeks_ago * WEEK

    def boundary(self, weeks_ago: int) -> datetime:
        """Give the instant at which a week ended."""
        return boundary_at(self.week(weeks_ago), self.timezone)

    def tick(self, weeks_ago: int) -> datetime:
        """Give the instant of the five-minute tick that took a week's snapshots."""
        return min(self.boundary(weeks_ago) + TICK, self.at)

    def day(self, weeks_ago: int, weekday: int) -> date:
        """Name a day of a week; weekday 1 is its Monday, six days before the Sunday that ends it."""
        return self.week(weeks_ago) - WEEK + timedelta(days=weekday)

    def moment(self, weeks_ago: int, weekday: int, minutes: int) -> datetime:
        """Give an instant within a week, some minutes after local midnight of a day, or of the hour after a gap."""
        wall = datetime.combine(self.day(weeks_ago, weekday), time(minutes // 60, minutes % 60))
        return wall.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)

    def since(self, share: float) -> datetime:
        """Give an instant between the last boundary and now."""
        last = self.boundary(0)
        return last + (self.at - last) * share

    def lately(self, minutes: int) -> datetime:
        """Give an instant two days ago, else one day ago, else halfway, but after the last boundary."""
        for days in (2, 1):
            wall = datetime.combine(self.today - timedelta(days=days), time(minutes // 60, minutes % 60))
            moment = wall.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)
            if moment > self.boundary(0):
                return moment
        return self.since(0.5)
