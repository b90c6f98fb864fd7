"""What requests about tasks and contacts may hold, and what answers do hold: read strictly, described in the schema."""

from typing import Final

from rest_framework import serializers

from accounts.models import ContactRole, Priority, TaskState
from valuerealization.common.api.fields import (
    ChoiceField,
    DateField,
    EmailField,
    ExternalIdField,
    FlagField,
    InstantField,
    PersonField,
    ReferenceField,
    StrictSerializer,
    TextField,
)

LONG_TEXT: Final = 10_000


class ChecklistStep(StrictSerializer):
    """One step of a task."""

    text = TextField(max_length=300)
    done = FlagField(required=False)


class Task(StrictSerializer):
    """Something to do for a customer."""

    id = serializers.IntegerField(read_only=True)
    created_at = InstantField(read_only=True)
    updated_at = InstantField(read_only=True)
    customer = ReferenceField()
    external_id = ExternalIdField()
    title = TextField(max_length=200)
    details = TextField(max_length=LONG_TEXT, is_multiline=True, required=False, allow_blank=True)
    assignee = PersonField(help_text="E-mail address of one of the team; null is nobody yet.")
    due_on = DateField(required=False, allow_null=True)
    priority = ChoiceField(Priority.values, required=False)
    state = ChoiceField(TaskState.values, required=False, help_text="`cancelled` takes the place of deleting.")
    snoozed_until = DateField(
        required=False, allow_null=True, help_text="Until then it is no next action of the customer's page."
    )
    show_in_portal = FlagField(required=False, help_text="Shared with the customer.")
    checklist = ChecklistStep(many=True, required=False, help_text="A list given replaces the one there was.")
    source = TextField(  # type: ignore[assignment]
        max_length=200, required=False, allow_blank=True, help_text="What made it; the key's name unless given."
    )
    created_by = serializers.EmailField(read_only=True, allow_null=True, help_text="Null unless a person made it.")
    done_at = InstantField(read_only=True, allow_null=True)
    done_by = serializers.EmailField(read_only=True, allow_null=True, help_text="Null unless a person finished it.")


class Contact(StrictSerializer):
    """Somebody at a customer."""

    id = serializers.IntegerField(read_only=True)
    created_at = InstantField(read_only=True)
    updated_at = InstantField(read_only=True)
    customer = ReferenceField()
    external_id = ExternalIdField()
    name = TextField(max_length=120)
    email = EmailField(
        required=False, allow_blank=True, help_text="In small letters; once among a customer's contacts."
    )
    title = TextField(max_length=120, required=False, allow_blank=True, help_text="Job title.")
    phone = TextField(max_length=40, required=False, allow_blank=True)
    roles = serializers.ListField(
        child=ChoiceField(ContactRole.values), required=False, help_text="A list given replaces the one there was."
    )
    archived = FlagField(required=False, help_text="`true` takes the place of deleting, `false` brings back.")
    archived_at = InstantField(read_only=True, allow_null=True)
