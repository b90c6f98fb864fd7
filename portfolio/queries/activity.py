"""What happened to an account: its readings, when they were observed, and everything else that was done to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from django.core.signing import BadSignature, Signer
from django.db import connection

from accounts.models import Account
from accounts.queries.wording import QUIET
from objectives import weeks
from objectives.progress import completion_pct
from portfolio.queries.wording import Change, sentences
from valuerealization.common.keyset import InvalidCursor
from valuerealization.common.models import AuditEntry
from valuerealization.common.units import format_day, format_exact, format_moment, format_pct, format_value

_SIGNER = Signer(salt="portfolio.queries.activity")

# Up to as many readings of a batch tell their own story; the audit entry beside them would tell it twice.
_FEW_READINGS = 10

# One series for each thing that is measured, each read from its own index; then the newest of all of them.
_KEYS = """
WITH series AS (
  SELECT o.id AS objective_id, NULL::bigint AS metric_id FROM objectives_objective o WHERE o.account_id = %(account)s
  UNION ALL
  SELECT NULL, m.id FROM objectives_metric m
  WHERE EXISTS (SELECT FROM objectives_reading r WHERE r.account_id = %(account)s AND r.metric_id = m.id)
), happened AS (
  SELECT x.* FROM series CROSS JOIN LATERAL (
    (SELECT r.observed_at AS at, 1 AS kind, r.id FROM objectives_reading r
     WHERE series.metric_id IS NULL AND r.objective_id = series.objective_id
       AND r.observed_at {edge} %(at)s::timestamptz AND (r.observed_at, 1, r.id) {beyond} {cursor}
     ORDER BY r.observed_at {order}, r.id {order} LIMIT %(limit)s)
    UNION ALL
    (SELECT r.observed_at, 1, r.id FROM objectives_reading r
     WHERE r.account_id = %(account)s AND r.metric_id = series.metric_id
       AND r.observed_at {edge} %(at)s::timestamptz AND (r.observed_at, 1, r.id) {beyond} {cursor}
     ORDER BY r.observed_at {order}, r.id {order} LIMIT %(limit)s)
  ) x
  UNION ALL
  (SELECT e.at, 0, e.id FROM common_auditentry e
   WHERE e.account_id = %(account)s AND (e.at, 0, e.id) {beyond} {cursor}
     AND NOT (e.action = 'readings.recorded' AND ((e.details ->> 'count')::int <= %(few)s OR NOT %(batches)s))
     AND e.action <> ALL(%(quiet)s)
   ORDER BY e.at {order}, e.id {order} LIMIT %(limit)s)
)
SELECT at, kind, id FROM happened ORDER BY at {order}, kind {order}, id {order} LIMIT %(limit)s
"""

_CURSOR = "(%(at)s::timestamptz, %(kind)s::int, %(id)s::bigint)"

# A reading with the one before it, under the definition in force when it was observed.
_READINGS = """
SELECT r.id, r.value, r.source, r.confidence, r.note, r.recorded_by, r.recorded_at, r.objective_id,
  COALESCE(d.title, m.name), COALESCE(d.unit, m.unit), COALESCE(d.unit_label, m.unit_label), d.baseline, d.target,
  before.value, COALESCE(before.observed_at = r.observed_at AND before.source = r.source, false)
FROM objectives_reading r
LEFT JOIN objectives_metric m ON m.id = r.metric_id
LEFT JOIN LATERAL (
  SELECT v.* FROM objectives_objectiverevision v
  WHERE v.objective_id = r.objective_id AND (v.valid_from <= r.observed_at OR v.number = 1)
  ORDER BY v.number DESC LIMIT 1
) d ON true
LEFT JOIN LATERAL (
  SELECT x.* FROM (
    (SELECT p.value, p.observed_at, p.source FROM objectives_reading p
     WHERE r.metric_id IS NULL AND p.objective_id = r.objective_id
       AND (p.observed_at, p.recorded_at, p.id) < (r.observed_at, r.recorded_at, r.id)
     ORDER BY p.observed_at DESC, p.recorded_at DESC, p.id DESC LIMIT 1)
    UNION ALL
    (SELECT p.value, p.observed_at, p.source FROM objectives_reading p
     WHERE p.account_id = r.account_id AND p.metric_id = r.metric_id
       AND (p.observed_at, p.recorded_at, p.id) < (r.observed_at, r.recorded_at, r.id)
     ORDER BY p.observed_at DESC, p.recorded_at DESC, p.id DESC LIMIT 1)
  ) x
) before ON true
WHERE r.id = ANY(%(ids)s)
"""

_READING = 1


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened.

    Shape:  a value has `title` with `after`, `before` (empty unless it differs), and completions where they are known;
            its verb is measured (the first one), changed, repeated or corrected, and a metric's `is_synced`. Anything
            else has a `verb` with `title` as its object, `changes`, and `href` where a page shows more.
            `icon` is empty for a person.
    """

    kind: Literal["value", "change"]
    at: datetime
    when: str
    day: str
    who: str
    icon: str
    verb: str
    title: str
    objective_id: int | None
    is_synced: bool = False
    before: str = ""
    after: str = ""
    completion_before: str = ""
    completion_after: str = ""
    changes: tuple[Change, ...] = ()
    note: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Some of what happened, newest first, with the cursors of the neighbouring pages."""

    items: tuple[Activity, ...]
    newer: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class _Key:
    at: datetime
    kind: int
    id: int


def recent_activity(*, account: Account, at: datetime, size: int = 6) -> tuple[Activity, ...]:
    """Read the newest things that happened, batches of readings left out since each value is there."""
    keys = _keys(account, None, backward=False, limit=size, batches=False)
    return _items(account, keys, at=at)


def activity_page(*, account: Account, at: datetime, cursor: str | None = None, size: int = 30) -> ActivityPage:
    """Read one page of what happened, newest first: four queries at most.

    Raises: InvalidCursor.
    """
    edge, backward = (None, False) if cursor is None else _open(cursor)
    keys = _keys(account, edge, backward=backward, limit=size + 1, batches=True)
    has_more = len(keys) > size
    keys = keys[:size]
    if backward:
        keys.reverse()
    newer, older = (has_more, True) if backward else (edge is not None, has_more)
    return ActivityPage(
        items=_items(account, keys, at=at),
        newer=_seal(keys[0], backward=True) if keys and newer else None,
        older=_seal(keys[-1], backward=False) if keys and older else None,
    )


def _keys(account: Account, edge: _Key | None, *, backward: bool, limit: int, batches: bool) -> list[_Key]:
    statement = _KEYS.format(
        cursor=_CURSOR,
        edge=">=" if backward else "<=",
        beyond=">" if backward else "<",
        order="ASC" if backward else "DESC",
    )
    since: dict[str, Any] = {"at": "infinity", "kind": 2, "id": 0}
    if edge is not None:
        since = {"at": edge.at, "kind": edge.kind, "id": edge.id}
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                **since,
                "account": account.pk,
                "limit": limit,
                "batches": batches,
                "few": _FEW_READINGS,
                "quiet": list(QUIET),
            },
        )
        return [_Key(*row) for row in cursor.fetchall()]


def _items(account: Account, keys: Sequence[_Key], *, at: datetime) -> tuple[Activity, ...]:
    today = weeks.local_day(at, account.timezone)
    readings = _readings([key.id for key in keys if key.kind == _READING])
    entries = AuditEntry.objects.in_bulk([key.id for key in keys if key.kind != _READING])
    worded = sentences(list(entries.values()), account=account, today=today) if entries else {}
    items = []
    for key in keys:
        if key.kind == _READING:
            items.append(_value(readings[key.id], key.at, account=account, today=today))
        else:
            entry, sentence = entries[key.id], worded[key.id]
            when, day = _written(key.at, account=account, today=today)
            items.append(
                Activity(
                    kind="change", at=key.at, when=when, day=day, who=entry.actor_name,
                    icon="" if entry.actor_kind == AuditEntry.Actor.USER else "refresh", verb=sentence.verb,
                    title=sentence.title, objective_id=sentence.objective_id, changes=sentence.changes,
                    note=sentence.note, href=sentence.href,
                )
            )  # fmt: skip
    return tuple(items)


def _readings(ids: list[int]) -> dict[int, tuple[Any, ...]]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_READINGS, {"ids": ids})
        return {row[0]: row for row in cursor.fetchall()}


def _value(row: tuple[Any, ...], at: datetime, *, account: Account, today: date) -> Activity:
    (
        _, value, source, confidence, note, by, recorded_at, objective_id, title, unit, unit_label, baseline, target,
        before, is_correction,
    ) = row  # fmt: skip

    span = None if baseline is None else target - baseline
    in_unit = {"unit": unit, "unit_label": unit_label, "currency": account.currency}
    after_text, before_text = format_value(value, span=span, **in_unit), format_value(before, span=span, **in_unit)
    if before is None or before == value:
        before_text = ""
    elif before_text == after_text:  # a change too small for the usual decimals
        after_text, before_text = format_exact(value, **in_unit), format_exact(before, **in_unit)

    def completion(number: Decimal | None) -> str:
        if number is None or baseline is None:
            return ""
        return format_pct(completion_pct(baseline=baseline, current=number, target=target))

    when, day = _written(at, account=account, today=today)
    is_synced = objective_id is None
    if is_correction:
        verb = "corrected"
    elif before is None:
        verb = "measured"
    else:
        verb = "changed" if before != value else "repeated"
    remarks = [f"source {source}" if source else "", "" if confidence == "high" else _CONFIDENCE[confidence]]
    if weeks.local_day(recorded_at, account.timezone) != weeks.local_day(at, account.timezone):
        remarks.append(f"recorded {_written(recorded_at, account=account, today=today)[0]}")
    text = ", ".join(remark for remark in remarks if remark)
    return Activity(
        kind="value", at=at, when=when, day=day, who=by,
        icon="refresh" if is_synced or by in ("", "System") or by.startswith("API key ") else "",
        verb=verb, title=title, objective_id=objective_id, is_synced=is_synced, before=before_text, after=after_text,
        completion_before=completion(before) if before_text else "", completion_after=completion(value),
        note=f"{text}. {note}" if text and note else text or note,
    )  # fmt: skip


_CONFIDENCE = {"medium": "estimated", "low": "modelled"}


def _written(at: datetime, *, account: Account, today: date) -> tuple[str, str]:
    return (
        format_moment(at, timezone=account.timezone, today=today),
        format_day(weeks.local_day(at, account.timezone), today),
    )


def _seal(key: _Key, *, backward: bool) -> str:
    return _SIGNER.sign_object([key.at.isoformat(), key.kind, key.id, int(backward)])


def _open(cursor: str) -> tuple[_Key, bool]:
    try:
        at, kind, number, backward = _SIGNER.unsign_object(cursor)
        return _Key(datetime.fromisoformat(at), kind, number), bool(backward)
    except (BadSignature, ValueError, TypeError) as error:
        raise InvalidCursor("The cursor is not one that this list gave out.") from error
