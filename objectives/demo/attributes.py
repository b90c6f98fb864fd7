"""What the demo's accounts have beyond their fields: custom attributes, which came by file, and what asks about them.

Segments and shared views are rules and filters over the attributes; all of it says that it is demo data.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from accounts.attributes import Kind
from accounts.models import Account, Attribute, SavedSegment, User
from accounts.rules import parse_rule, to_json
from objectives.demo.around import entry
from objectives.evidence import Origin
from objectives.models import (
    ImportBatch,
    ImportChange,
    ImportChunk,
    ImportMapping,
    ImportSubject,
    Metric,
    MetricVersion,
    Reading,
)
from objectives.queries.segments import rule_fields
from objectives.services.attributes import SOURCE
from valuerealization.common.audit import as_json
from valuerealization.common.models import AuditEntry

TIER, SEATS, REFERENCE, KICK_OFF, CONTRACT = (
    "support_tier", "licensed_seats", "reference_customer", "kicked_off_on", "contract_number",
)  # fmt: skip
_TIERS: Final = ("Standard", "Premium", "Mission critical")
_ATTRIBUTES: Final[tuple[tuple[str, str, Kind], ...]] = (
    (TIER, "Support tier", Kind.CHOICE),
    (SEATS, "Licensed seats", Kind.NUMBER),
    (REFERENCE, "Reference customer", Kind.FLAG),
    (KICK_OFF, "Kick-off", Kind.DATE),
    (CONTRACT, "Contract number", Kind.TEXT),
)
_IN_FILE: Final = (TIER, REFERENCE, KICK_OFF, CONTRACT)
_SEATS: Final = {"enterprise": 900, "mid_market": 240, "small_business": 40}
_FILE: Final = "demo-attributes.csv"
_SYSTEM: Final = "Demo CRM"
_IMPORTED: Final = timedelta(days=9)  # before loading
_COUNTED: Final = timedelta(days=31)

_SEGMENTS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "Renewals in 90 days below 75%", "Demo data: who to talk to about value before the renewal.",
        {"all": [
            {"field": "renewal_on", "op": "in_next_days", "value": 90},
            {"field": "value_delivered", "op": "below", "value": "75"},
        ]},
    ),
    (
        "Premium without a sponsor", "Demo data: much is promised, and nobody at the customer answers for it.",
        {"all": [
            {"field": f"attributes.{TIER}", "op": "is_any_of", "value": ["Premium", "Mission critical"]},
            {"field": "contact_role", "op": "is_not", "value": "executive_sponsor"},
        ]},
    ),
    (
        "Large, or ready to be a reference", "Demo data: for the customer advisory board.",
        {"any": [
            {"field": f"attributes.{SEATS}", "op": "at_least", "value": "900"},
            {"all": [
                {"field": f"attributes.{REFERENCE}", "op": "is", "value": True},
                {"field": "status", "op": "is_any_of", "value": ["exceeded", "all_goals_met"]},
            ]},
        ]},
    ),
)  # fmt: skip
_VIEWS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "portfolio", "Demo: at risk, next renewal first",
        {
            "filter": {"status": ["stalled", "at_risk"]}, "ordering": "renewal_on",
            "columns": ["status", "value", "change", "goals_met", "owner", "arr", "renewal"],
        },
    ),
    (
        "accounts", "Demo: premium support",
        {
            "filter": {f"attributes.{TIER}": ["Premium", "Mission critical"]},
            "columns": ["status", "value", "owner", "team", f"attribute.{TIER}", f"attribute.{SEATS}"],
        },
    ),
)  # fmt: skip

_SET: Final = """
UPDATE accounts_account a SET attributes = v.attributes, updated_at = %(at)s
FROM unnest(%(ids)s::bigint[], %(attributes)s::jsonb[]) AS v (id, attributes) WHERE a.id = v.id
"""
# Views belong to the lists, which are built on this: their table is named, not imported.
_SAVE_VIEWS: Final = """
INSERT INTO portfolio_savedview (list_name, name, owner_id, is_shared, state, created_at, updated_at)
SELECT v.list_name, v.name, %(owner)s, true, v.state, %(at)s, %(at)s
FROM unnest(%(lists)s::text[], %(names)s::text[], %(states)s::jsonb[]) AS v (list_name, name, state)
RETURNING id, name
"""


def add_attributes(accounts: Sequence[Account], people: dict[str, User], *, at: datetime) -> int:
    """Define attributes, give the accounts values, and save what asks about them; returns how many attributes."""
    since = min(account.created_at for account in accounts)
    attributes, metric = _define(since, by=people["SW"])
    old = [(number, each) for number, each in enumerate(accounts) if each.created_at < at - _COUNTED]
    _count_seats(old, metric, at=at - _COUNTED)
    _import([(each, _values(each, number)) for number, each in old], by=people["IS"], at=at - _IMPORTED)
    segments = _save_segments(by=people["IS"], at=at - _IMPORTED)
    views = _save_views(by=people["IS"], at=at - _IMPORTED)
    AuditEntry.objects.bulk_create(
        [
            *(
                entry(at=since, by=people["SW"], action="attribute.created", subject=each, key=[None, each.key])
                for each in attributes
            ),
            *(
                entry(
                    at=at - _IMPORTED, by=people["IS"], action="segment.created", subject=each, name=[None, each.name]
                )
                for each in segments
            ),
            *views,
        ]
    )
    return len(attributes)


def _define(since: datetime, *, by: User) -> tuple[list[Attribute], Metric]:
    attributes = Attribute.objects.bulk_create(
        Attribute(
            key=key, name=name, type=kind.value, choices=list(_TIERS) if kind is Kind.CHOICE else [],
            help_text="Demo data", position=position, created_at=since, updated_at=since,
        )
        for position, (key, name, kind) in enumerate(_ATTRIBUTES)
    )  # fmt: skip
    metric = Metric.objects.create(
        key=SEATS, name="Licensed seats", unit="users", methodology="Demo data", created_at=since, updated_at=since
    )
    MetricVersion.objects.create(metric=metric, version=1, methodology=metric.methodology, valid_from=since)
    AuditEntry.objects.bulk_create([entry(at=since, by=by, action="metric.created", subject=metric, key=[None, SEATS])])
    return attributes, metric


def _values(account: Account, number: int) -> dict[str, Any]:
    """Make up an account's values; one in six has no tier."""
    values: dict[str, Any] = {
        REFERENCE: number % 4 == 0,
        CONTRACT: f"DEMO-C-{number + 1:04}",
    }
    if number % 6 != 5:
        values[TIER] = _TIERS[2 if account.segment == "enterprise" else number % 2]
    if account.contract_signed_on:
        values[KICK_OFF] = (account.contract_signed_on + timedelta(days=10)).isoformat()
    return values


def _count_seats(accounts: Sequence[tuple[int, Account]], metric: Metric, *, at: datetime) -> None:
    """Record a number each, as typed on the accounts' pages."""
    readings = Reading.objects.bulk_create(
        Reading(
            account=account, metric=metric, metric_version=metric.version, source=SOURCE, origin=Origin.PERSON.value,
            value=Decimal(_SEATS[account.segment] * (80 + 17 * number % 60) // 100), observed_at=at, recorded_at=at,
            recorded_by=account.owner.name if account.owner else "System", note="Demo data",
        )
        for number, account in accounts
    )  # fmt: skip
    AuditEntry.objects.bulk_create(
        entry(
            at=at, by=reading.account.owner, action="readings.recorded", subject=reading.account,
            account=reading.account, count=1, first_reading=reading.pk, last_reading=reading.pk,
        )
        for reading in readings
    )  # fmt: skip


def _import(rows: Sequence[tuple[Account, Mapping[str, Any]]], *, by: User, at: datetime) -> None:
    """Let the other values have come by a file, which can still be undone."""
    headers = ["external_id", *(f"attributes.{key}" for key in _IN_FILE)]
    lines = [[str(account.external_id), *(_cell(values.get(key)) for key in _IN_FILE)] for account, values in rows]
    content = "".join(",".join(line) + "\n" for line in [headers, *lines]).encode()
    columns = {str(number): name for number, name in enumerate(headers)}
    batch = ImportBatch.objects.create(
        kind="accounts", state="imported", file_name=_FILE, file_format="csv", size_bytes=len(content), source=_SYSTEM,
        created_by=by, headers=headers, samples=lines[:3], columns=columns, attempts=2, rows_total=len(rows),
        rows_done=len(rows), rows_changed=len(rows), created_at=at - timedelta(minutes=4), updated_at=at,
        imported_at=at,
    )  # fmt: skip
    ImportChunk.objects.create(batch=batch, number=0, data=content)
    ImportMapping.objects.create(
        kind="accounts", source=_SYSTEM, columns={name: name for name in headers}, updated_at=at
    )
    changes = {
        account.pk: {f"attributes.{key}": [None, value] for key, value in values.items()} for account, values in rows
    }
    ImportChange.objects.bulk_create(
        ImportChange(batch=batch, subject=ImportSubject.ACCOUNT, subject_id=pk, changes=as_json(done))
        for pk, done in changes.items()
    )
    with connection.cursor() as cursor:
        stored = [json.dumps(values) for _account, values in rows]
        cursor.execute(_SET, {"ids": [account.pk for account, _values in rows], "attributes": stored, "at": at})
    AuditEntry.objects.bulk_create(
        [
            entry(
                at=batch.created_at, by=by, action="import.uploaded", subject=batch, kind="accounts", bytes=len(content)
            ),
            *(
                entry(at=at, by=by, action="account.updated", subject=account, account=account, **changes[account.pk])
                for account, _values in rows
            ),
            entry(
                at=at,
                by=by,
                action="import.finished",
                subject=batch,
                kind="accounts",
                rows_total=len(rows),
                rows_done=len(rows),
                rows_changed=len(rows),
            ),
        ]
    )


def _cell(value: str | bool | date | None) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _save_segments(*, by: User, at: datetime) -> list[SavedSegment]:
    fields = rule_fields()
    return SavedSegment.objects.bulk_create(
        SavedSegment(
            name=name, description=description, rule=to_json(parse_rule(rule, fields=fields)), created_by=by,
            created_at=at, updated_at=at,
        )
        for name, description, rule in _SEGMENTS
    )  # fmt: skip


def _save_views(*, by: User, at: datetime) -> list[AuditEntry]:
    """Save the shared views, and write down that somebody did."""
    lists, names, states = zip(*_VIEWS, strict=True)
    with connection.cursor() as cursor:
        stored = [json.dumps(state) for state in states]
        cursor.execute(
            _SAVE_VIEWS, {"owner": by.pk, "at": at, "lists": list(lists), "names": list(names), "states": stored}
        )
        saved = cursor.fetchall()
    return [
        AuditEntry(
            at=at, actor_kind=AuditEntry.Actor.USER, actor_id=str(by.pk), actor_name=by.name, action="view.saved",
            subject_type="portfolio.savedview", subject_id=pk, subject_label=name, details={"name": [None, name]},
        )
        for pk, name in saved
    ]  # fmt: skip
