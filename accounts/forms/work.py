"""What people type about tasks, notes and meetings, read and checked before the services see it."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from django import forms

from accounts.models import Account, Contact, Meeting, Note, Priority, Task, User
from accounts.moments import SkippedTime, local_instant
from accounts.queries.team import team
from accounts.services.refusals import WorkRefused
from accounts.services.tasks import MOST_ITEMS, Step
from valuerealization.common.forms import DayField

_DURATIONS = (15, 30, 45, 60, 90, 120, 180, 240, 480)


class Boxes(forms.CheckboxSelectMultiple):
    """Boxes to tick, in our own style."""

    def __init__(self, **options: Any) -> None:
        super().__init__(attrs={"class": "form-check-input"}, **options)


class WorkForm(forms.Form):
    """A form whose services refuse by field."""

    names: ClassVar[Mapping[str, str]] = {}  # what the service calls a field → what the form does

    def add_refusals(self, refused: WorkRefused) -> None:
        """Put what the service refused beside its fields."""
        for name, reasons in refused.message_dict.items():
            field = self.names.get(name, name)
            for reason in reasons:
                self.add_error(field if field in self.fields else None, reason)


class TaskForm(WorkForm):
    """A task; its checklist is a text with one step a line when it is made, and edited on its page afterwards."""

    title = forms.CharField(label="What has to be done", max_length=200)
    due_on = DayField(label="Due", required=False)
    priority = forms.ChoiceField(choices=Priority.choices, initial=Priority.NORMAL)
    assignee = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Nobody yet")
    details = forms.CharField(
        max_length=10_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "data-mentions": "/mentions/"}),
        help_text="Write @ and a name to tell somebody of the team.",
    )
    checklist = forms.CharField(
        label="Checklist",
        max_length=31_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One step a line.",
    )
    show_in_portal = forms.BooleanField(
        label="Share with the customer",
        required=False,
        help_text="Marked for the customer's portal; internal otherwise.",
    )

    def __init__(self, *args: Any, user: User, task: Task | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"assignee": user, "priority": Priority.NORMAL}
        if task is not None:
            del self.fields["checklist"]
            self.initial = {name: getattr(task, name) for name in self.fields}
        field = cast("forms.ModelChoiceField[User]", self.fields["assignee"])
        field.queryset = team(and_also=task.assignee_id if task else None)

    def clean_checklist(self) -> list[Step]:
        """Read the steps."""
        lines = [line.strip() for line in str(self.cleaned_data["checklist"]).splitlines()]
        steps = [Step(line) for line in lines if line]
        if len(steps) > MOST_ITEMS:
            raise forms.ValidationError(f"A task has at most {MOST_ITEMS} steps.", code="too_many")
        return steps


class FollowUpForm(WorkForm):
    """A task that follows from a meeting, in one line."""

    title = forms.CharField(label="What has to be done", max_length=200)
    due_on = DayField(label="Due", required=False)
    assignee = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Nobody yet")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"assignee": user}
        cast("forms.ModelChoiceField[User]", self.fields["assignee"]).queryset = team()


class SnoozeForm(WorkForm):
    """Until when a task is put off; empty brings it back."""

    until = DayField(label="Put off until", required=False)

    names = {"snoozed_until": "until"}


class StepForm(WorkForm):
    """One more step of a checklist."""

    text = forms.CharField(label="New step", max_length=300)


class TextForm(WorkForm):
    """A note or a comment."""

    body = forms.CharField(
        label="Note",
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "data-mentions": "/mentions/"}),
        help_text="Write @ and a name to tell somebody of the team.",
    )

    def __init__(self, *args: Any, note: Note | None = None, label: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if note is not None:
            self.initial = {"body": note.body}
        if label:
            self.fields["body"].label = label


class FileForm(WorkForm):
    """A file to attach."""

    file = forms.FileField(label="Attach a file", max_length=1000, allow_empty_file=True)


class MeetingForm(WorkForm):
    """A meeting, with day and time on the account's clock."""

    title = forms.CharField(max_length=200)
    day = DayField()
    clock = forms.TimeField(
        label="Starts at",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        input_formats=["%H:%M", "%H:%M:%S"],
        error_messages={"invalid": "Write the time as hours and minutes: 09:30."},
    )
    duration_minutes = forms.TypedChoiceField(label="Duration", coerce=int, initial=30)
    place = forms.CharField(label="Place or link", max_length=500, required=False)
    attendees = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label="From the team",
        required=False,
        widget=Boxes,
    )
    contacts = forms.ModelMultipleChoiceField(
        Contact.objects.none(),
        label="From the customer",
        required=False,
        widget=Boxes,
    )
    other_attendees = forms.CharField(
        label="Others", max_length=1000, required=False, help_text="Names, separated by commas."
    )
    agenda = forms.CharField(
        max_length=10_000, required=False, widget=forms.Textarea(attrs={"rows": 4, "data-mentions": "/mentions/"})
    )
    minutes = forms.CharField(
        max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 6, "data-mentions": "/mentions/"})
    )

    names = {"starts_at": "day"}

    def __init__(self, *args: Any, account: Account, user: User, meeting: Meeting | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        people = [user] if meeting is None else list(meeting.attendees.all())
        guests = [] if meeting is None else list(meeting.contacts.all())
        self.initial = {"attendees": people, "contacts": guests, "duration_minutes": 30}
        lengths = set(_DURATIONS)
        if meeting is not None:
            local = meeting.starts_at.astimezone(ZoneInfo(account.timezone))
            self.initial |= {
                name: getattr(meeting, name)
                for name in ("title", "duration_minutes", "place", "other_attendees", "agenda", "minutes")
            } | {"day": local.date(), "clock": local.time()}
            lengths.add(meeting.duration_minutes)
        cast("forms.TypedChoiceField", self.fields["duration_minutes"]).choices = [
            (length, _length(length)) for length in sorted(lengths)
        ]
        field = cast("forms.ModelMultipleChoiceField[User]", self.fields["attendees"])
        field.queryset = (team() | User.objects.filter(pk__in=[person.pk for person in people])).order_by("name", "pk")
        chosen = Contact.objects.filter(pk__in=[guest.pk for guest in guests])
        known = Contact.objects.active().filter(account=account) | chosen
        contacts = cast("forms.ModelMultipleChoiceField[Contact]", self.fields["contacts"])
        contacts.queryset = known.order_by("name", "pk")
        if not known.exists():
            del self.fields["contacts"]
        self.fields["clock"].help_text = f"On the account's clock, {account.timezone}."

    def clean(self) -> dict[str, Any]:
        """Find the instant that day and time name."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        day, clock = data.pop("day", None), data.pop("clock", None)
        if day is not None and clock is not None:
            try:
                data["starts_at"] = local_instant(day=day, clock=clock, timezone=self.account.timezone)
            except SkippedTime:
                self.add_error(
                    "clock", "The clocks go forward over this time on that day. Choose one before or after it."
                )
            except OverflowError:
                self.add_error("day", "Choose a day of our calendar.")
        return data


def _length(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} minutes"
    return f"{hours} hour{'' if hours == 1 else 's'}" + (f" {rest} minutes" if rest else "")
