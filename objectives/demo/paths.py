"""The shape of a year: how the demo's scores move week by week, and what was measured to make them.

Weeks are counted back from the last boundary of an account: 0 is that one, 60 lies sixty weeks before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Final

WOBBLE_PCT: Final = 0.7
STEADY_WEEKS: Final = 7  # the last weeks follow the plan to the point, so that statuses come out as planned
TEMPO: Final = 0.4
RISE_PCT: Final = 0.6  # a week, of the one objective that gets better while its account gets worse
RISE_WEEKS: Final = 20

_RESOLUTION: Final = 2**53


def noise(*names: object) -> float:
    """Give a number from -1 to 1 that depends on its name alone: the same one on every machine."""
    digest = hashlib.blake2b(repr(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % _RESOLUTION / _RESOLUTION * 2 - 1


def score_path(anchors: Sequence[tuple[int, float]], *, name: str) -> list[float]:
    """Draw a score through (weeks ago, percent) points, oldest first, straight between them and a little uneven.

    Shape:  one score per week, index 0 the last boundary.
    """
    oldest = anchors[0][0]
    path = [anchors[-1][1]] * (oldest + 1)
    fixed = {week for week, _ in anchors}
    for (from_week, from_score), (to_week, to_score) in pairwise(anchors):
        for week in range(to_week, from_week + 1):
            share = (from_week - week) / (from_week - to_week)
            path[week] = from_score + (to_score - from_score) * share
    for week in range(STEADY_WEEKS, oldest + 1):
        if week not in fixed:
            path[week] = max(path[week] + WOBBLE_PCT * noise(name, week), 0.0)
    return path


@dataclass(frozen=True, slots=True)
class Track:
    """What one objective contributes: where it stands at the last boundary, and how it may get there.

    Shape:  a `met` one stays past its target at the end; `given` ones are exact and never adjusted; a `rising` one
            goes up while others of its account fall.
    Units:  completion in percent.
    """

    name: str
    baseline: Decimal
    target: Decimal
    step: Decimal
    completion: float
    weight: float = 1.0
    is_met: bool = False
    is_given: bool = False
    is_rising: bool = False

    def value(self, completion: float) -> Decimal:
        """Turn a completion into the value that would be measured."""
        exact = float(self.baseline) + completion / 100 * float(self.target - self.baseline)
        return (Decimal(repr(exact)) / self.step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * self.step

    def completion_of(self, value: Decimal) -> float:
        """Turn a value into its completion."""
        return float(100 * (value - self.baseline) / (self.target - self.baseline))

    def worse(self, one: Decimal, other: Decimal) -> Decimal:
        """Pick the value that is further from the target."""
        return min(one, other) if self.target > self.baseline else max(one, other)


def series(tracks: Sequence[Track], path: Sequence[float], *, quiet: int) -> list[list[Decimal]]:
    """Find weekly values of every objective whose weighted mean follows a score.

    Shape:  one list per objective, index 0 the last boundary; during the last `quiet` weeks no value gets better.
    """
    rows = [[track.value(completion) for completion in _course(track, tracks, path)] for track in tracks]
    for week in range(len(path)):
        _meet(tracks, rows, week, path[week])
    for track, values in zip(tracks, rows, strict=True):
        if track.is_met and track.completion_of(values[0]) < 100:
            values[0] = track.target
        for week in reversed(range(quiet)):
            values[week] = track.worse(values[week], values[week + 1])
    return rows


def _course(track: Track, tracks: Sequence[Track], path: Sequence[float]) -> list[float]:
    end = path[0]
    if path[-1] <= end:
        tempo = _tempo(track, tracks)
        return [track.completion * (ratio + tempo * ratio * (1 - ratio)) for ratio in (score / end for score in path)]
    if track.is_met:
        return [track.completion] * len(path)
    if track.is_rising:
        return [track.completion - RISE_PCT * min(week, RISE_WEEKS) for week in range(len(path))]
    falling = [each for each in tracks if not each.is_met and not each.is_rising]
    share = sum(each.weight for each in tracks) / sum(each.weight for each in falling)
    return [track.completion + (score - end) * share for score in path]


def _tempo(track: Track, tracks: Sequence[Track]) -> float:
    """Let some objectives run ahead of the others, in such a way that their mean does not."""
    total = sum(each.weight * each.completion for each in tracks)
    mean = sum(each.weight * each.completion * noise(each.name, "tempo") for each in tracks) / total
    return TEMPO * (noise(track.name, "tempo") - mean)


def _meet(tracks: Sequence[Track], rows: list[list[Decimal]], week: int, score: float) -> None:
    """Let the most finely measured open objective take up what rounding has left."""
    open_ones = [index for index, track in enumerate(tracks) if not (track.is_met or track.is_rising)]
    adjustable = [index for index in open_ones if not tracks[index].is_given] or (open_ones if week else [])
    if not adjustable:
        return
    finest = min(adjustable, key=lambda index: tracks[index].step / abs(tracks[index].target - tracks[index].baseline))
    track, values = tracks[finest], rows[finest]
    total = sum(each.weight for each in tracks)
    mean = sum(each.weight * each.completion_of(row[week]) for each, row in zip(tracks, rows, strict=True)) / total
    values[week] = track.value(track.completion_of(values[week]) + (score - mean) * total / track.weight)
