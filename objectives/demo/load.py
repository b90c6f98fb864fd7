"""Write the demo portfolio: accounts, objectives and a year of readings, then the snapshots of every week.

Rows carry the times at which they would have been written, so they are inserted here and not by the services, which
stamp the present. Everything that follows from them is computed by the services' own code.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from accounts.models import Account, Role, User
from objectives.demo.around import add_people
from objectives.demo.attributes import add_attributes
from objectives.demo.catalogue import METRICS
from objectives.demo.plan import SYNC, PlannedAccount, PlannedObjective, plan
from objectives.demo.quality import add_quality
from objectives.demo.work import make_work
from objectives.demo.world import PASSWORD, TEAM, Person, money
from objectives.evidence import Origin
from objectives.models import Kind, Metric, MetricVersion, Objective, ObjectiveRevision
from objectives.services import snapshots
from objectives.services.standings import follow_readings, refresh_standings
from valuerealization.common.models import AuditEntry

Say = Callable[[str], None]

_ADVISORY_LOCK = 0x76726465  # one loader at a time
_STAGED = (
    "follower bigint, account_id bigint, metric_id bigint, metric_version int, objective_id bigint, value numeric,"
    " observed_at timestamptz, recorded_at timestamptz, source text, confidence text, origin text, note text,"
    " recorded_by text"
)
_COLUMNS = ", ".join(part.split()[0] for part in _STAGED.split(", "))
_STORED = _COLUMNS.removeprefix("follower, ")

# What became known between two instants, and which objectives follow it, from when on.
_ARRIVE = f"""
WITH arrived AS MATERIALIZED (
  SELECT * FROM demo_reading WHERE recorded_at > %(after)s AND recorded_at <= %(until)s
), inserted AS (
  INSERT INTO objectives_reading ({_STORED}, external_id)
  SELECT {_STORED}, '' FROM arrived ORDER BY recorded_at, follower
)
SELECT array_agg(follower ORDER BY follower), array_agg(observed_at ORDER BY follower)
FROM (SELECT follower, min(observed_at) AS observed_at FROM arrived GROUP BY follower) followed
"""

_ENTRY = (
    "at, actor_kind, actor_id, actor_name, request_id, action, account_id, subject_type, subject_id, subject_label,"
    " details"
)

# The log is read by id: its entries come in the order of their times, whenever they were made up.
_ENTRIES = f"""
CREATE TEMPORARY TABLE demo_entry ON COMMIT DROP AS SELECT {_ENTRY} FROM common_auditentry WITH NO DATA;
ALTER TABLE demo_entry ADD place bigint GENERATED ALWAYS AS IDENTITY
"""
_IN_ORDER = f"INSERT INTO common_auditentry ({_ENTRY}) SELECT {_ENTRY} FROM demo_entry ORDER BY at, place"

# The same entries as the readings service writes, at the time each batch was recorded.
_AUDIT = f"""
INSERT INTO demo_entry ({_ENTRY})
SELECT r.recorded_at, CASE WHEN u.id IS NULL THEN 'api_key' ELSE 'user' END, COALESCE(u.id::text, ''), r.recorded_by,
  '', 'readings.recorded', r.account_id, 'accounts.account', r.account_id, a.name,
  jsonb_build_object('count', count(*), 'first_reading', min(r.id), 'last_reading', max(r.id))
FROM objectives_reading r JOIN accounts_account a ON a.id = r.account_id
LEFT JOIN accounts_user u ON u.name = r.recorded_by AND u.id = ANY(%(people)s)
GROUP BY r.recorded_at, r.account_id, a.name, r.recorded_by, u.id
"""


class AlreadyLoaded(Exception):
    """The demo portfolio is there: nothing was changed."""


class NotEmpty(Exception):
    """There are other accounts: a demo among them would spoil their averages. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded."""

    accounts: int
    objectives: int
    readings: int
    snapshots: int


def check_empty() -> None:
    """Let one loader at a time into an empty database.

    Raises: AlreadyLoaded, NotEmpty.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
    if Account.objects.filter(is_demo=True).exists():
        raise AlreadyLoaded
    if Account.objects.exists():
        raise NotEmpty


def load(*, at: datetime, can_sign_in: bool, say: Say) -> Loaded:
    """Load the 52 accounts as of an instant, all or nothing.

    Shape:  with `can_sign_in` the three sign-ins get the published password; without, nobody new can sign in.
    Raises: AlreadyLoaded, NotEmpty.
    """
    with transaction.atomic():
        check_empty()
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES)
        planned = plan(at)
        people = make_people(can_sign_in=can_sign_in)
        metrics = make_metrics(min(account.created_at for account in planned))
        accounts = _make_accounts(planned, people)
        pairs = _make_objectives(planned, accounts, people, metrics)
        say(f"{len(accounts)} accounts with {len(pairs)} objectives")
        readings = _stage_readings(pairs, people)
        say(f"{readings} readings of {max(account.customer.weeks for account in planned)} weeks")
        taken = _replay(planned, people, say=say)
        refresh_standings(account_ids=[account.pk for account in accounts], at=at)
        add_quality(accounts=accounts, at=at)
        around = add_people(accounts, people)
        say(f"{around} people around them, {add_attributes(accounts, people, at=at)} custom attributes")
        say(f"{make_work(accounts, people, at=at)} notes, tasks and meetings")
    return Loaded(len(accounts), len(pairs), readings, taken)


def make_people(*, can_sign_in: bool) -> dict[str, User]:
    """Find or add the people of the demo, by initials; people who are there already stay as they are."""
    people: dict[str, User] = {}
    for person in TEAM:
        user = User.objects.filter(email=person.email).first()
        people[person.initials] = user or _make_person(person, can_sign_in=can_sign_in)
    return people


def take_snapshots(tick: datetime) -> int:
    """Take past weeks as the five-minute tick of that time would have; returns how many snapshots.

    Raises: RuntimeError if an account failed.
    """
    taken = snapshots.take_due(at=tick)
    if taken.failed:
        raise RuntimeError(f"{taken.failed} accounts of the demo have no snapshot for the week before {tick}.")
    return taken.stored


def _make_person(person: Person, *, can_sign_in: bool) -> User:
    is_admin = person.role == Role.ADMIN
    return User.objects.create_user(
        person.email,
        PASSWORD if person.signs_in and can_sign_in else None,
        name=person.name,
        role=person.role,
        is_superuser=is_admin,
    )


def make_metrics(since: datetime) -> dict[str, Metric]:
    """Find or define the demo's metrics, by key."""
    known = Metric.objects.in_bulk([spec.key for spec in METRICS], field_name="key")
    new = [
        Metric(
            key=spec.key, name=spec.name, unit=spec.unit, unit_label=spec.unit_label, direction=spec.direction,
            kind=spec.kind, methodology=spec.methodology, formula=spec.formula, created_at=since, updated_at=since,
        )
        for spec in METRICS
        if spec.key not in known
    ]  # fmt: skip
    Metric.objects.bulk_create(new)
    MetricVersion.objects.bulk_create(
        MetricVersion(
            metric=metric, version=1, methodology=metric.methodology, formula=metric.formula, valid_from=since
        )
        for metric in new
    )
    return known | {metric.key: metric for metric in new}


def _make_accounts(planned: list[PlannedAccount], people: dict[str, User]) -> list[Account]:
    accounts = [
        Account(
            external_id=f"DEMO-{number:04}",
            name=each.customer.name,
            timezone=each.calendar.timezone,
            owner=people[each.customer.owner],
            segment=each.customer.segment,
            industry=each.customer.industry,
            currency=each.customer.currency,
            arr=money(each.customer.arr),
            contract_signed_on=each.contract_signed_on,
            went_live_on=each.went_live_on,
            renewal_on=each.renewal_on,
            is_demo=True,
            created_at=each.created_at,
            updated_at=each.created_at,
        )
        for number, each in enumerate(planned, start=1)
    ]
    Account.objects.bulk_create(accounts)
    _write_audit(
        (each.created_at, people["IS"], "account.created", account, account, {"name": [None, account.name]})
        for each, account in zip(planned, accounts, strict=True)
    )
    return accounts


def _make_objectives(
    planned: list[PlannedAccount], accounts: list[Account], people: dict[str, User], metrics: dict[str, Metric]
) -> list[tuple[Objective, PlannedObjective]]:
    pairs = [
        (_make_objective(account, objective, people, metrics), objective)
        for each, account in zip(planned, accounts, strict=True)
        for objective in each.objectives
    ]
    Objective.objects.bulk_create(objective for objective, _planned in pairs)
    revisions = [(objective, each, _revisions(objective, each)) for objective, each in pairs]
    ObjectiveRevision.objects.bulk_create(revision for _o, _p, several in revisions for revision in several)
    _write_audit(
        (revision.valid_from, people[each.owner], action, objective, objective.account, details)
        for objective, each, several in revisions
        for revision, action, details in zip(several, _actions(each), _details(several, each), strict=True)
    )
    return pairs


def _make_objective(
    account: Account, planned: PlannedObjective, people: dict[str, User], metrics: dict[str, Metric]
) -> Objective:
    metric = metrics.get(planned.metric)
    changed_at = max(filter(None, [planned.created_at, planned.revised_at, planned.archived_at]))
    return Objective(
        account=account,
        title=planned.title,
        completion_type=planned.completion_type,
        metric=metric,
        kind=metric.kind if metric else Kind.VALUE,
        baseline=planned.baseline,
        target=planned.target,
        unit=planned.unit,
        unit_label=planned.unit_label,
        weight=planned.weight,
        started_on=planned.started_on,
        due_on=planned.due_on,
        show_in_portal=planned.show_in_portal,
        source=planned.source,
        owner=people[planned.owner],
        done=planned.done,
        revision=1 + bool(planned.revised_at) + bool(planned.archived_at),
        revised_at=changed_at,
        state_changed_at=changed_at,
        archived_at=planned.archived_at,
        created_at=planned.created_at,
        updated_at=changed_at,
    )


def _revisions(objective: Objective, planned: PlannedObjective) -> list[ObjectiveRevision]:
    """List the definitions an objective has had, oldest first."""
    definition = {name: getattr(objective, name) for name in Objective.definition_fields()}
    by = objective.owner.name if objective.owner else ""
    first = definition | ({"target": planned.former_target} if planned.revised_at else {})
    revisions = [(planned.created_at, first, False, "Created")]
    if planned.revised_at:
        revisions.append((planned.revised_at, definition, False, "The customer raised the target"))
    if planned.archived_at:
        revisions.append((planned.archived_at, definition, True, "Replaced by another goal"))
    return [
        ObjectiveRevision(
            objective=objective, number=number, valid_from=valid_from, archived=is_archived, changed_by=by,
            reason=reason, **fields,
        )
        for number, (valid_from, fields, is_archived, reason) in enumerate(revisions, start=1)
    ]  # fmt: skip


def _actions(planned: PlannedObjective) -> list[str]:
    return [
        "objective.created",
        *(["objective.updated"] if planned.revised_at else []),
        *(["objective.archived"] if planned.archived_at else []),
    ]


def _details(revisions: list[ObjectiveRevision], planned: PlannedObjective) -> Iterator[dict[str, Any]]:
    first = revisions[0]
    names = ["title", "completion_type", *(["baseline", "target"] if first.target is not None else [])]
    yield {name: [None, str(getattr(first, name))] for name in names}
    for revision in revisions[1:]:
        changed = {} if revision.archived else {"target": [str(first.target), str(planned.target)]}
        yield {**changed, "reason": revision.reason}


def _stage_readings(pairs: list[tuple[Objective, PlannedObjective]], people: dict[str, User]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE demo_reading ({_STAGED}) ON COMMIT DROP")
        with cursor.copy(f"COPY demo_reading ({_COLUMNS}) FROM STDIN") as copy:
            for row in _reading_rows(pairs, people):
                copy.write_row(row)
        cursor.execute("SELECT count(*) FROM demo_reading")
        count: int = cursor.fetchone()[0]
    return count


def _replay(planned: list[PlannedAccount], people: dict[str, User], *, say: Say) -> int:
    """Let the year pass: readings arrive, objectives follow, each tick takes the snapshots that are due."""
    ticks = sorted({each.calendar.tick(week) for each in planned for week in range(each.customer.weeks + 1)})
    before, stored = min(account.created_at for account in planned), 0
    for number, tick in enumerate(ticks, start=1):
        _arrive(after=before, until=tick)
        before, stored = tick, stored + take_snapshots(tick)
        if number % (len(ticks) // 6) == 0:
            say(f"{stored} weekly snapshots, up to {tick:%d %b %Y}")
    _arrive(after=before, until=max(account.calendar.at for account in planned))
    with connection.cursor() as cursor:
        cursor.execute(_AUDIT, {"people": [person.pk for person in people.values()]})
        cursor.execute(_IN_ORDER)
    return stored


def _arrive(*, after: datetime, until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVE, {"after": after, "until": until})
        followers, first_observed_at = cursor.fetchone()
    follow_readings(objective_ids=followers or [], first_observed_at=first_observed_at)
    # As it would have been written then: the next snapshot may rely on it.
    Objective.objects.filter(pk__in=followers or []).update(state_changed_at=until, updated_at=until)


def _reading_rows(
    pairs: list[tuple[Objective, PlannedObjective]], people: dict[str, User]
) -> Iterator[tuple[Any, ...]]:
    for objective, planned in pairs:
        metric = objective.metric
        by = f"API key {SYNC}" if metric else people[planned.owner].name
        for reading in planned.readings:
            yield (
                objective.pk, objective.account_id, metric and metric.pk, metric and metric.version,
                None if metric else objective.pk, reading.value, reading.observed_at, reading.recorded_at,
                planned.source, planned.confidence, Origin.SYSTEM if metric else Origin.PERSON, reading.note, by,
            )  # fmt: skip


def _write_audit(entries: Iterable[tuple[datetime, User, str, Any, Account, dict[str, Any]]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY demo_entry ({_ENTRY}) FROM STDIN") as copy:
        for at, by, action, subject, account, details in entries:
            copy.write_row(
                (
                    at, AuditEntry.Actor.USER, str(by.pk), by.name, "", action, account.pk, subject._meta.label_lower,
                    subject.pk, str(subject), json.dumps(details),
                )
            )  # fmt: skip
