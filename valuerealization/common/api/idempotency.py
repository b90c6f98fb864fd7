"""Make a repeated POST harmless: the first answer is kept under the caller's key, and given again."""

import re
from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from typing import Any, Final

from django.db import connection, transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from valuerealization.common.api.problems import Conflict, Invalid
from valuerealization.common.api.renderers import ApiRenderer
from valuerealization.common.models import IdempotencyRecord

HEADER: Final = "Idempotency-Key"
KEPT: Final = "24 hours"

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS: Final = ("ETag", "Location")

# An insert of the same key waits here until the first request has been answered or has failed.
_CLAIM = f"""
INSERT INTO common_idempotencyrecord AS r (actor_id, key, fingerprint, headers, body)
VALUES (%(actor)s, %(key)s, %(fingerprint)s, '{{}}', '')
ON CONFLICT (actor_id, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, created_at = value_now()
  WHERE r.created_at < value_now() - interval '{KEPT}'
RETURNING id
"""
_FORGET = f"""
DELETE FROM common_idempotencyrecord WHERE id IN (
  SELECT id FROM common_idempotencyrecord WHERE created_at < value_now() - interval '{KEPT}'
  ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED)
"""


def idempotent(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an endpoint's `post`: with an Idempotency-Key it is done once, in one transaction with its answer.

    Only what succeeded is kept: nothing was created under a key whose request was refused.
    """

    @wraps(handler)
    def post(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise Invalid(f"{HEADER} holds 1 to 255 visible ASCII characters.", code="invalid_header")
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            record_id = _claim(view.actor.id, key, fingerprint)
            if record_id is None:
                return _answer_again(view.actor.id, key, fingerprint)
            response = handler(view, request, *args, **kwargs)
            _keep(record_id, response)
        return response

    return post


def _fingerprint(request: Request) -> str:
    request.data  # noqa: B018 - reads the body, and with it its digest
    digest = getattr(request, "body_digest", "")
    told = "\n".join((str(request.method), request.get_full_path(), request.content_type, digest))
    return blake2b(told.encode("utf-8", "surrogateescape"), digest_size=32).hexdigest()


def _claim(actor: str, key: str, fingerprint: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)
        cursor.execute(_CLAIM, {"actor": actor, "key": key, "fingerprint": fingerprint})
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def _answer_again(actor: str, key: str, fingerprint: str) -> HttpResponse:
    record = IdempotencyRecord.objects.get(actor_id=actor, key=key)
    if record.fingerprint != fingerprint:
        raise Conflict(f"This {HEADER} was used for another request.", code="idempotency_key_reused")
    headers = {**record.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(record.body, status=record.status, content_type=ApiRenderer.media_type, headers=headers)


def _keep(record_id: int, response: Response) -> None:
    IdempotencyRecord.objects.filter(pk=record_id).update(
        status=response.status_code,
        headers={name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        body=ApiRenderer().render(response.data).decode(),
    )
