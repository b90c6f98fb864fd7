"""Earlier states of definitions, kept by the database: what changed, who did it, under which request, and why.

A trigger keeps the row as it was before a change of one of the tracked columns. It names those columns, so a statement
that writes none of them (a reading moves `current`, a sweep moves a standing) doesn't even consider it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pghistory
import pghistory.core
import pgtrigger
from django.db import models
from django.http import HttpRequest, HttpResponse

from valuerealization.common import audit
from valuerealization.common.audit import Actor

CHANGED: Final = "changed"
DELETED: Final = "deleted"
_READING: Final = {"GET", "HEAD", "OPTIONS", "TRACE"}


def event_model(tracked: type[models.Model], *, fields: Sequence[str]) -> Any:
    """Make the abstract model of a table that keeps earlier states of another's rows.

    Shape: one row for each change of one of `fields`, and for each deletion, holding all of them as they were before.
    """
    columns = [tracked._meta.get_field(name).column for name in fields]  # type: ignore[union-attr]
    return pghistory.create_event_model(
        tracked,
        pghistory.UpdateEvent(
            CHANGED,
            row=pghistory.Old,
            operation=pgtrigger.UpdateOf(*columns),  # type: ignore[no-untyped-call]
            condition=pgtrigger.AnyChange(*fields),
            trigger_name="history_changed",
        ),
        pghistory.DeleteEvent(DELETED, trigger_name="history_deleted"),
        fields=list(fields),
        obj_field=pghistory.ObjForeignKey(related_name="+", related_query_name="+"),
        context_field=pghistory.ContextJSONField(),
        context_id_field=None,  # type: ignore[arg-type]
    )


def states_of(tracked: type[models.Model]) -> Any:
    """Find the model of the earlier states of a model's rows; None where nobody keeps them."""
    return next(iter(pghistory.core.event_models(tracks_model=tracked)), None)


@contextmanager
def acting(*, by: Actor, reason: str = "") -> Iterator[None]:
    """Say for the length of a block who changes definitions, and why: outside of requests, that is."""
    with pghistory.context(actor_kind=by.kind, actor_id=by.id, request_id=audit.request_id()):
        because(reason)
        yield


def because(reason: str) -> None:
    """Say why the running request changes what it changes; outside of one nothing is kept."""
    if reason:
        pghistory.context(reason=reason[:300])


def known_as(by: Actor) -> None:
    """Say who the running request acts for, once that is known: an API's key is read after the middleware ran."""
    pghistory.context(actor_kind=by.kind, actor_id=by.id)


class HistoryContext:
    """Middleware that tells the database who is asking, for every request that may change something."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer within the context of the person who is signed in."""
        if request.method in _READING:
            return self.get_response(request)
        known = {"actor_kind": "", "actor_id": ""}
        if request.user.is_authenticated:
            by: Actor = request.user.as_actor()
            known = {"actor_kind": by.kind, "actor_id": by.id}
        with pghistory.context(**known, request_id=audit.request_id()):
            return self.get_response(request)
