"""What people say about a file they import: what it holds, and which column is which field."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings

from accounts.services.attributes import PREFIX
from objectives.models import ImportKind
from objectives.services.batches import BatchRefused


class UploadForm(forms.Form):
    """The first step: a file, and what it holds."""

    kind = forms.ChoiceField(choices=ImportKind.choices, initial=ImportKind.ACCOUNTS, label="What the file holds")
    file = forms.FileField(
        label="File",
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty; its first line has to name the columns.",
        },
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,text/csv"}),
    )
    source = forms.CharField(
        label="Where it comes from",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"list": "import-sources"}),
        help_text="The columns you match are remembered under this name, for the next file from there.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = (
            f"CSV or Excel (.xlsx), up to {_limit_mb()} MB: 200,000 readings, 20,000 accounts or objectives. The first"
            " row names the columns."
        )

    def clean_file(self) -> Any:
        """Refuse a file that is too large, before anybody reads it."""
        file = self.cleaned_data["file"]
        if file.size > settings.VR_IMPORT_MAX_BYTES:
            message = f"The file is larger than {_limit_mb()} MB. Split it into several files."
            raise forms.ValidationError(message, code="too_large")
        return file

    def clean_source(self) -> str:
        """Write blanks in one way, so that one source is not two."""
        return " ".join(str(self.cleaned_data["source"]).split())


class ColumnsForm(forms.Form):
    """The second step: a field for each column."""

    def __init__(
        self, data: Any = None, *, headers: Sequence[str], fields: Sequence[str], required: Sequence[str],
        chosen: Mapping[int, str],
    ) -> None:  # fmt: skip
        super().__init__(data)
        self.headers, self.required = headers, required
        choices = [("", "Leave out"), *((name, label_of(name)) for name in fields)]
        for number, heading in enumerate(headers):
            label = heading or f"Column {number + 1}"
            self.fields[f"column_{number}"] = forms.ChoiceField(
                choices=choices, required=False, label=label, initial=chosen.get(number, "")
            )

    def columns(self) -> dict[int, str]:
        """Give the field of each column that has one."""
        given = {number: self.cleaned_data[f"column_{number}"] for number in range(len(self.headers))}
        return {number: name for number, name in given.items() if name}

    def clean(self) -> dict[str, Any]:
        """Refuse a field that two columns are matched to, and fields that can't be done without."""
        first: dict[str, int] = {}
        for number in range(len(self.headers)):
            name = self.cleaned_data.get(f"column_{number}")
            if not name:
                continue
            if name in first:
                other = self.headers[first[name]] or f"column {first[name] + 1}"
                self.add_error(f"column_{number}", f"“{other}” is matched to {label_of(name)} already. Keep one.")
            first.setdefault(name, number)
        if missing := [label_of(name) for name in self.required if name not in first]:
            names = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
            raise forms.ValidationError(f"Match a column to {names}: it can't be done without.", code="missing")
        return self.cleaned_data

    def refuse(self, refused: BatchRefused) -> None:
        """Say why the batch could not be moved on."""
        self.add_error(None, str(refused))


def label_of(name: str) -> str:
    """Name a field for people; the words stay those of the documentation."""
    if name.startswith(PREFIX):
        return f"Attribute: {name.removeprefix(PREFIX)}"
    if not name.islower():
        return name
    text = name.replace("_", " ")
    return {"arr": "ARR"}.get(text) or text[:1].upper() + text[1:]


def _limit_mb() -> int:
    return int(settings.VR_IMPORT_MAX_BYTES) // 1024 // 1024
