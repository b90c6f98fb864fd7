"""Why notes, tasks and meetings are not saved."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from accounts.models import Account


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
    check_texts(record=record)
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


def check_texts(*, record: models.Model) -> None:
    """Refuse what the database can't hold, and texts beyond their length, which Django checks in forms alone.

    Raises: WorkRefused.
    """
    errors = {}
    for field in record._meta.fields:
        text = getattr(record, field.attname) if isinstance(field, models.CharField | models.TextField) else ""
        if not isinstance(text, str):
            continue
        if "\0" in text:
            errors[field.name] = ValidationError("Remove the invisible control characters.", "control_character")
        elif isinstance(field, models.TextField) and field.max_length and len(text) > field.max_length:
            errors[field.name] = ValidationError(f"Use at most {field.max_length:,} characters.", "max_length")
    if errors:
        raise WorkRefused(errors)
