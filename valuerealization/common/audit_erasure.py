"""Take a person out of the audit log: their name, and the details that are about them.

The digests stay, so the chain still holds; the salts go, so nobody can find out by trying what they were digests of.
Source: docs/audit.md#erasure
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connection, models

from valuerealization.common.audit import Actor, request_id

SHORTEST: Final = 3  # characters of a name or address that is looked for in other people's entries


def erase_from_audit(
    *,
    subject: models.Model,
    placeholder: str,
    names: Iterable[str],
    emails: Iterable[str],
    by: Actor,
    account_id: int | None = None,
    details: Mapping[str, Any],
) -> int:
    """Erase a person, and write down who did it and how much was taken; returns that entry's id.

    Shape:  entries by the person lose the name, entries about or mentioning the person their label and details.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT common_audit_erase(%s, %s, %s, %s::text[], %s::text[], %s, %s, %s, %s, %s, %s::jsonb)",
            [
                subject._meta.label_lower, subject.pk, placeholder, _long(names), _long(emails), account_id, by.kind,
                by.id, by.name[:200], request_id(), json.dumps(dict(details)),
            ],
        )  # fmt: skip
        entry: int = cursor.fetchone()[0]
        return entry


def _long(words: Iterable[str]) -> list[str]:
    return sorted({word for word in words if len(word) >= SHORTEST})
