"""What a web server serves: `gunicorn valuerealization.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

import valuerealization.celery  # noqa: F401 - requests send tasks
from valuerealization.common.logging import guard_web_server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "valuerealization.settings")
# No page takes long; commands and tasks may.
os.environ.setdefault("VR_STATEMENT_TIMEOUT", "30s")

guard_web_server()
application = get_wsgi_application()
_ = get_resolver().url_patterns  # imported now, once for all workers, and not by the first request of each
