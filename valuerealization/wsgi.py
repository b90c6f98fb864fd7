"""What a web server serves: `gunicorn valuerealization.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

import valuerealization.celery  # noqa: F401 - requests send tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "valuerealization.settings")
# No page takes long; commands and tasks may.
os.environ.setdefault("VR_STATEMENT_TIMEOUT", "30s")

application = get_wsgi_application()
