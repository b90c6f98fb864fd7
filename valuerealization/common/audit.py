"""Write the audit log. Every service calls `record` inside the transaction of the change it describes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from valuerealization.common.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, an API key or the system itself."""

    kind: str
    id: str
    name: str


SYSTEM = Actor(kind=AuditEntry.Actor.SYSTEM, id="", name="System")


def record(
    *,
    by: Actor,
    action: str,
    subject: models.Model,
    account_id: int | None = None,
    label: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add one entry about `subject`.

    Shape: `action` is `noun.verb_past`, e.g. `objective.created`; `details` is JSON, changed fields as [before, after].
    """
    written = entry(by=by, action=action, subject=subject, account_id=account_id, label=label, details=details)
    written.save(force_insert=True)
    return written


def entry(
    *,
    by: Actor,
    action: str,
    subject: models.Model,
    account_id: int | None = None,
    label: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write out an entry without adding it, for many to be added at once."""
    return AuditEntry(
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name[:200],
        request_id=request_id(),
        action=action,
        account_id=account_id,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk if isinstance(subject.pk, int) else None,
        subject_label=(label or str(subject))[:300],
        details=as_json(details or {}),
    )


def record_many(entries: Iterable[AuditEntry]) -> None:
    """Add entries that `entry` wrote out."""
    AuditEntry.objects.bulk_create(entries, batch_size=1000)


def request_id() -> str:
    """Tell the id of the request being served, or '' outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """List the fields whose value differs, each as [before, after]."""
    names = [*after, *(name for name in before if name not in after)]
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def as_json(details: Mapping[str, Any]) -> Any:
    """Spell changes the way the log keeps them: decimals and dates as text."""
    return json.loads(json.dumps(details, cls=DjangoJSONEncoder))
