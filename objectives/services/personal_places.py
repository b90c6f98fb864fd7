"""Where this app keeps people's data: names beside measurements and definitions, which are append only otherwise."""

from django.db import connection
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from accounts.services.personal_data import Person, erased, harmless, pointing
from objectives.models import ImportBatch, ImportFailure


def _names(person: Person) -> int:
    """Replace the name by the placeholder; namesakes can't be told apart here, and lose theirs too."""
    if person.kind != "user":
        return 0  # readings and definitions are recorded by the team
    with connection.cursor() as cursor:
        cursor.execute("SELECT common_erase_name(%s::text[], %s)", [[*person.names], person.placeholder])
        changed: int = cursor.fetchone()[0]
    return changed + ImportBatch.objects.filter(undone_by__in=person.names).update(undone_by=person.placeholder)


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
        "objectives.Restatement.requested_by", "objectives.ImportBatch.undone_by",
    ],
    by=_names,
)  # fmt: skip
erased(
    what="lines of imported files",
    fields=["objectives.ImportFailure.cells", "objectives.ImportBatch.samples"],
    by=_cells,
)
pointing(fields=["objectives.Objective.owner", "objectives.Standing.owner", "objectives.ImportBatch.created_by"])
harmless(
    fields={
        "objectives.Metric.name": "a quantity",
        "objectives.ImportChunk.data": "a file, removed some days after its import is over",
        "objectives.ImportBatch.file_name": "a file, named by whoever made it",
    }
)
