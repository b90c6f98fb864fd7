"""Why notes, tasks and meetings are not saved."""

from datetime import date
from typing import Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from accounts.models import Account

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199  # as far as the API reads
_CHECKED: Final = (models.CharField, models.TextField, models.DateField)


class WorkRefused(ValidationError):
    """Something was not saved; `message_dict` names the fields and says why."""


def check_account(*, account: Account) -> None:
    """Refuse new work for an account that is archived.

    Raises: WorkRefused.
    """
    if account.archived_at is not None:
        raise WorkRefused({"__all__": ValidationError("This account is archived. Restore it first.", "archived")})


def save_checked(*, record: models.Model, update_fields: list[str] | None = None) -> None:
    """Validate by the model's own rules, then save; a race on the external id is refused the same way.

    Raises: WorkRefused.
    """
    check_values(record=record)
    references = [field.name for field in record._meta.fields if field.is_relation]
    try:
        record.full_clean(exclude=references)
        with transaction.atomic():
            record.save(update_fields=update_fields)
    except ValidationError as error:
        raise WorkRefused(error) from error
    except IntegrityError as error:
        if "external_id" not in str(error):
            raise
        taken = ValidationError("Something else has this external id.", code="unique")
        raise WorkRefused({"external_id": taken}) from error


def check_values(*, record: models.Model) -> None:
    """Refuse what the database can't hold, texts beyond their length (Django checks it in forms alone), and odd days.

    Raises: WorkRefused.
    """
    errors = {}
    for field in record._meta.fields:
        if not isinstance(field, _CHECKED):
            continue
        value = getattr(record, field.attname)
        if isinstance(value, date) and not FIRST_YEAR <= value.year <= LAST_YEAR:
            message = f"Choose a day from {FIRST_YEAR} to {LAST_YEAR}."
            errors[field.name] = ValidationError(message, "out_of_range")
        elif isinstance(value, str) and "\0" in value:
            errors[field.name] = ValidationError("Remove the invisible control characters.", "control_character")
        elif isinstance(field, models.TextField) and field.max_length and len(value) > field.max_length:
            errors[field.name] = ValidationError(f"Use at most {field.max_length:,} characters.", "max_length")
    if errors:
        raise WorkRefused(errors)
