"""The Celery application. Whatever starts Django imports it, or tasks would be sent by a default one."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "valuerealization.settings")

app = Celery("valuerealization")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)
app.set_default()  # for every thread of a web server, not only for the one that imports this


@setup_logging.connect
def use_our_logging(**_signal: Any) -> None:
    """Log as the web server does."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
