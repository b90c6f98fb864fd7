"""Where this app keeps people's data: names beside measurements and definitions, which are append only otherwise."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import connection
from django.db.models import Model, Q, TextField
from django.db.models.functions import Cast

from accounts.services.personal_data import Person, erased, harmless, pointing
from objectives.models import Disagreement, HeldReading, ImportBatch, ImportFailure, Metric, Objective

_COLLECTION: Final = ("measured_by", "validated_by", "reported_by")
_NAMED: Final[Mapping[type[Model], tuple[str, ...]]] = {
    ImportBatch: ("undone_by",),
    Disagreement: ("accepted_by",),
    HeldReading: ("recorded_by", "decided_by"),
    Metric: _COLLECTION,
    Objective: _COLLECTION,
}


def _names(person: Person) -> int:
    """Replace the name by the placeholder; namesakes can't be told apart here, and lose theirs too."""
    if person.kind != "user":
        return 0  # readings and definitions are recorded by the team
    with connection.cursor() as cursor:
        cursor.execute("SELECT common_erase_name(%s::text[], %s)", [[*person.names], person.placeholder])
        changed: int = cursor.fetchone()[0]
        cursor.execute("SELECT objectives_erase_name_in_changes(%s::text[], %s)", [[*person.names], person.placeholder])
        changed += cursor.fetchone()[0]
    for model, fields in _NAMED.items():
        for field in fields:
            rows: Any = model._default_manager.filter(**{f"{field}__in": person.names})
            changed += rows.update(**{field: person.placeholder})
    return changed


def _cells(person: Person) -> int:
    """Empty what import pages show of files: lines that were refused, and the first lines of each."""
    words = [word for word in (*person.emails, *person.names) if "@" in word or " " in word]  # a lone word may be any
    found = Q(pk=None)
    for word in words:
        found |= Q(text__icontains=word)
    failures = ImportFailure.objects.annotate(text=Cast("cells", TextField())).filter(found)
    samples = ImportBatch.objects.annotate(text=Cast("samples", TextField())).filter(found)
    return failures.update(cells=[]) + samples.update(samples=[])


erased(
    what="names beside readings, definitions, rebuilds and imports",
    fields=[
        "objectives.Reading.recorded_by", "objectives.ObjectiveRevision.changed_by",
        "objectives.Restatement.requested_by",
        *(f"objectives.{model.__name__}.{field}" for model, fields in _NAMED.items() for field in fields),
    ],
    by=_names,
)  # fmt: skip
erased(
    what="lines of imported files",
    fields=["objectives.ImportFailure.cells", "objectives.ImportBatch.samples"],
    by=_cells,
)
pointing(
    fields=[
        "objectives.ObjectiveHistory.owner",
        "objectives.Objective.owner",
        "objectives.Standing.owner",
        "objectives.ImportBatch.created_by",
        "objectives.ImportBatch.asked_by",
    ]
)
harmless(
    fields={
        "objectives.Metric.name": "a quantity",
        "objectives.MetricHistory.name": "a quantity",
        "objectives.ImportChunk.data": "a file, removed some days after its import is over",
        "objectives.ImportBatch.file_name": "a file, named by whoever made it",
    }
)
