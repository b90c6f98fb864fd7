"""Template tags and filters of the pages. They only adapt: rounding and formats live in `common/units.py`."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms, template
from django.forms.boundfield import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from valuerealization.common import charts, units
from valuerealization.common.numbers import to_plain

register = template.Library()

# Machine name: value of data-status, label. `objectives.status.Status` has the same, which this layer may not import.
STATUSES = {
    "on_track": ("on-track", "On track"),
    "at_risk": ("at-risk", "At risk"),
    "stalled": ("stalled", "Stalled"),
    "exceeded": ("exceeded", "Exceeded"),
    "all_goals_met": ("all-met", "All goals met"),
}
NO_STATUS = ("none", "No score")
NUMBER_WORDS = ("", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")

_BY_NAME_OR_SLUG = STATUSES | {entry[0]: entry for entry in STATUSES.values()}


# ---- status --------------------------------------------------------------------------------------------------------


@register.filter
def status_slug(status: str | None) -> str:
    """Turn a machine status into the value of `data-status` (which passes through); anything else has no score."""
    return _BY_NAME_OR_SLUG.get(str(status), NO_STATUS)[0]


@register.filter
def status_label(status: str | None) -> str:
    """Name a status the way every page does."""
    return _BY_NAME_OR_SLUG.get(str(status), NO_STATUS)[1]


# ---- people --------------------------------------------------------------------------------------------------------


@register.filter
def person_name(person: Any) -> str:
    """Name a person: their name, else their address; a plain string stays as it is."""
    if not person:
        return ""
    return str(getattr(person, "name", "") or getattr(person, "email", "") or person)


@register.filter
def initials(person: Any) -> str:
    """Shorten a name to at most two capitals for an avatar (Amara Okafor: AO)."""
    words = [word for word in person_name(person).split("@")[0].replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


# ---- numbers -------------------------------------------------------------------------------------------------------


@register.filter
def pct(value: Decimal | None) -> str:
    """Show a completion or a score as a whole percentage; nothing measured is n/a."""
    return units.format_pct(value)


@register.filter
def rule(completion: Decimal | None) -> charts.Rule:
    """Draw a completion as a bar from 0 to 100: its state and its length."""
    return charts.progress_rule(completion)


@register.filter
def points(delta: Decimal | int | None, suffix: str = "") -> str:
    """Show a change with its sign and, where given, `pts` behind it."""
    return units.format_points(delta, suffix=f" {suffix}" if suffix else "")


@register.filter
def change_tone(delta: Decimal | int | None, better: str = "up") -> str:
    """Give the class of a change: `up` for good, `down` for bad, empty for none."""
    return units.change_tone(delta, up_is_good=better != "down")


@register.filter
def value(number: Decimal | None, of: Any) -> str:
    """Show a number in the unit of `of`: an objective, a metric, or anything with their fields."""
    baseline, target = getattr(of, "baseline", None), getattr(of, "target", None)
    return units.format_value(
        number,
        unit=getattr(of, "unit", "") or "",
        unit_label=getattr(of, "unit_label", "") or "",
        currency=getattr(of, "currency", "") or "USD",
        span=target - baseline if baseline is not None and target is not None else None,
    )


@register.filter
def exact(number: Decimal | None, of: Any = None) -> str:
    """Show every digit of a number in the unit of `of`; without it as a percentage."""
    if of is None:
        return units.format_exact(number, unit=units.Unit.PERCENTAGE)
    return units.format_exact(
        number, unit=of.unit, unit_label=of.unit_label, currency=getattr(of, "currency", "") or "USD"
    )


@register.filter
def money(amount: Decimal | None, currency: str = "USD") -> str:
    """Show an amount in full, in its currency."""
    return units.format_money(amount, currency=currency)


@register.filter
def money_short(amount: Decimal | None, currency: str = "USD") -> str:
    """Show an amount the way tiles and tags do: $612k, $4.1M."""
    return units.format_money(amount, currency=currency, compact=True)


@register.filter
def svg(number: Decimal | float | str | None) -> str:
    """Print a number for an SVG attribute: a period as decimal mark, no thousands separator, whatever the locale."""
    return "0" if number is None else to_plain(Decimal(str(number)))


@register.filter
def count(number: int | None, noun: str) -> str:
    """Count things: `1 account`, `1,204 accounts`; an irregular plural as `person,people`."""
    return units.format_count(number, noun)


@register.filter
def item(found: Mapping[str, Any], key: str) -> Any:
    """Give what a mapping has under a key that a template variable holds; nothing without it."""
    return found.get(key, "")


# ---- dates ---------------------------------------------------------------------------------------------------------


def _local_day(when: date | datetime) -> date:
    return when.date() if isinstance(when, datetime) else when


@register.filter
def day(when: date | datetime | None, today: date | datetime | None = None) -> str:
    """Show a date: `15 Nov`, with the year unless it is that of `today`; without `today` always with the year."""
    if when is None:
        return ""
    on = _local_day(when)
    return units.format_day(on, _local_day(today) if today else on, with_year=not today)


@register.filter
def in_days(when: date | None, today: date) -> str:
    """Say how far ahead a date is: `in 58 days`, `today`, `17 days late`."""
    return units.format_in_days(_local_day(when), _local_day(today)) if when else ""


@register.filter
def is_soon(when: date | None, today: date) -> bool:
    """Tell whether a date is near enough for bold type."""
    return when is not None and units.is_soon(_local_day(when), _local_day(today))


@register.simple_tag
def moment(at: datetime | None, timezone: str = "UTC", today: date | datetime | None = None) -> str:
    """Show an instant on a timezone's clock: `15 Nov, 09:12`; without `today` with the year."""
    if at is None:
        return ""
    on = _local_day(today) if today else at.astimezone(ZoneInfo(timezone)).date()
    return units.format_moment(at, timezone=timezone, today=on, with_year=not today)


@register.filter
def in_zone(at: datetime | None, timezone: str) -> datetime | None:
    """Move an instant to a timezone, so that `day` shows the local date."""
    return None if at is None else at.astimezone(ZoneInfo(timezone))


@register.filter
def duration(span: timedelta) -> str:
    """Say how long something takes, rounded up: `45 seconds`, `15 minutes`, `2 hours`."""
    seconds = math.ceil(span.total_seconds())
    if seconds < 60:
        return count(seconds, "second")
    minutes = math.ceil(seconds / 60)
    return count(minutes, "minute") if minutes < 120 else count(math.ceil(minutes / 60), "hour")


# ---- cards ---------------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def fold(context: template.Context, name: str, *, is_open: bool = True) -> SafeString:
    """Give a folding card its name, open or closed as the person left it."""
    user = getattr(context.get("request"), "user", None)
    remembered = getattr(user, "folds", {}).get(name, is_open)
    return format_html('data-fold="{}"{}', name, " open" if remembered else "")


# ---- forms ---------------------------------------------------------------------------------------------------------


@register.simple_tag
def control(field: BoundField, describedby: str = "", css: str = "", **attrs: Any) -> SafeString:
    """Draw a form field's control with our classes, its error state, and what describes it."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        classes = "form-check-input"
    elif isinstance(widget, forms.Select):
        classes = "form-select"
    else:
        classes = "form-control"
    if isinstance(field.field, forms.DecimalField | forms.IntegerField):
        classes += " num"
        attrs.setdefault("inputmode", "decimal")
    if field.errors:
        classes += " is-bad"
        attrs["aria-invalid"] = "true"
    described = [describedby] if describedby else []
    if field.help_text:
        described.append(f"{field.auto_id}_helptext")
    if field.errors:
        described.append(f"{field.auto_id}_error")
    if described:
        attrs["aria-describedby"] = " ".join(described)
    own = widget.attrs.get("class", "")
    attrs = {name.replace("_", "-"): given for name, given in attrs.items() if given not in (None, "", False)}
    return field.as_widget(attrs={**attrs, "class": " ".join(part for part in (classes, own, css) if part)})


@register.simple_tag
def things_to_fix(form_or_forms: forms.BaseForm | Iterable[forms.BaseForm]) -> str:
    """Say how much is wrong: `One thing to fix.`, `Two things to fix.`; nothing when nothing is."""
    many = [form_or_forms] if isinstance(form_or_forms, forms.BaseForm) else list(form_or_forms)
    number = sum(len(form.errors) + max(len(form.non_field_errors()) - 1, 0) for form in many)
    if not number:
        return ""
    word = NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)
    return f"{word} {'thing' if number == 1 else 'things'} to fix."


@register.simple_tag
def error_links(form: forms.BaseForm) -> list[dict[str, str]]:
    """List what is wrong for the summary: a link per field, then what concerns no single field."""
    links = []
    for name in form.fields:  # in the order of the page, not of the checks
        field = form[name]
        if field.is_hidden:
            links += [{"href": "", "label": f"{field.label}: {error}"} for error in field.errors]
        elif field.errors:
            links.append({"href": f"#{field.id_for_label or field.auto_id}", "label": str(field.label)})
    return links + [{"href": "", "label": str(error)} for error in form.non_field_errors()]


@register.simple_tag
def hidden_inputs(params: dict[str, Any]) -> SafeString:
    """Carry the state of the URL through a form: one hidden input for each value that is set."""
    html = SafeString("")
    for name, given in params.items():
        for one in given if isinstance(given, list | tuple) else [given]:
            if one not in (None, ""):
                html += format_html('<input type="hidden" name="{}" value="{}">', name, one)
    return html
