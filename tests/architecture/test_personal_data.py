"""Nobody forgets to forget: every field that could hold a person's data is known to the erasure of people."""

import re
from collections.abc import Iterator

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.db import models

from accounts.services.personal_data import known_fields, places

# A text with such a name may say who somebody is.
TELLING = re.compile(
    r"(.*_)?(by|email|e_mail|mail|name|names|person|people|contact|author|sender|recipient|user|username|owner|actor"
    r"|phone|mobile|address|ip|agent|signature|session_data|object_repr|extra_data|path_info|data)"
)
TEXTS = (models.CharField, models.TextField, models.JSONField)


def candidates() -> Iterator[str]:
    """List the fields that could hold a person's data, or point at somebody of the team."""
    for model in apps.get_models(include_auto_created=True):
        for each in (*model._meta.concrete_fields, *model._meta.local_many_to_many):
            name = f"{model._meta.app_label}.{model._meta.object_name}.{each.name}"
            if isinstance(each, models.EmailField | models.GenericIPAddressField):
                yield name
            elif each.is_relation:
                if isinstance(each.related_model, type) and issubclass(each.related_model, AbstractBaseUser):
                    yield name
            elif isinstance(each, TEXTS) and not each.choices and TELLING.fullmatch(each.name):
                yield name


def test_every_field_that_may_hold_a_persons_data_is_known() -> None:
    """A new one: say in its app's `services/personal_places.py` who erases it, or why it is harmless.

    See docs/privacy.md#where-it-is.
    """
    unknown = set(candidates()) - set(known_fields())
    assert unknown == set()


def test_what_is_known_exists() -> None:
    every = {
        f"{model._meta.app_label}.{model._meta.object_name}.{each.name}"
        for model in apps.get_models(include_auto_created=True)
        for each in (*model._meta.concrete_fields, *model._meta.local_many_to_many)
    }
    assert set(known_fields()) - every == set()


def test_what_is_erased_has_somebody_who_does_it() -> None:
    named = {treatment.removeprefix("erased: ") for treatment in known_fields().values() if "erased: " in treatment}
    assert named <= {place.what for place in places()} | {"the audit log"}
    assert len(places()) >= 8


def test_the_net_is_fine_enough() -> None:
    for name in ("recorded_by", "actor_name", "email", "from_address", "user_agent", "by"):
        assert TELLING.fullmatch(name), name
    for name in ("source", "note", "status", "currency", "byte_count"):
        assert not TELLING.fullmatch(name), name
