"""Every setting, from the environment; `docs/operations.md` lists the variables.

Without `DATABASE_URL` this is the *embedded* set-up: PostgreSQL and Valkey below `VAR_DIR`, plain http on this machine,
mail into files, a generated secret key. With it this is production, and what production needs has to be given.
"""

import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.templatetags.static import static

from valuerealization.environment import broker, database, env, env_flag, env_list, mail

django_stubs_ext.monkeypatch()  # so that `ModelAdmin[Account]` and the like mean something at run time

BASE_DIR = Path(__file__).resolve().parent.parent


VAR_DIR = Path(env("VAR_DIR", str(BASE_DIR / "var"))).absolute()
EMBEDDED = env_flag("VR_EMBEDDED") or not env("DATABASE_URL")
DEBUG = env_flag("DEBUG")
# Whether browsers reach us by https (through a proxy); plain http is for this machine alone.
HTTPS = env_flag("VR_HTTPS", default=not EMBEDDED and not DEBUG)


# --- The product's own ---

VR_ORGANISATION = env("VR_ORGANISATION", "Value Realization")
VR_ALLOW_FUTURE = env_flag("VR_ALLOW_FUTURE")  # snapshots "as of" an instant that has not come: for trials only
VR_CSM_EDITS_ALL = env_flag("VR_CSM_EDITS_ALL")  # a CSM edits every account, not only their own
VR_RETENTION_YEARS = int(env("VR_RETENTION_YEARS", "7"))  # snapshots in the live table; older ones go into files
if not 1 <= VR_RETENTION_YEARS <= 100:
    raise ImproperlyConfigured("VR_RETENTION_YEARS is a number of years, 1 or more.")
VR_ARCHIVE_DIR = Path(env("VR_ARCHIVE_DIR", str(VAR_DIR / "archive"))).absolute()
METRICS_TOKEN = env("VR_METRICS_TOKEN")  # without one, /metrics answers this machine alone
VR_DEMO = env_flag("VR_DEMO", default=EMBEDDED)  # load the demo portfolio into an empty embedded database
VR_IMPORT_MAX_BYTES = int(env("VR_IMPORT_MAX_MB", "64")) * 1024 * 1024  # of one uploaded file
VR_ATTACHMENT_MAX_BYTES = int(float(env("VR_ATTACHMENT_MAX_MB", "10")) * 2**20)  # see common/uploads.py
VR_ATTACHMENT_TYPES = env_list("VR_ATTACHMENT_TYPES", "pdf,png,jpg,gif,webp,docx,xlsx,pptx,csv,txt")
PORTAL_ROLE = env("VR_PORTAL_ROLE", "vr_portal")


# --- Secrets and hosts ---


def _secret_key() -> str:
    """Take the key from the environment; the embedded set-up makes one for good."""
    if given := env("SECRET_KEY"):
        return given
    if not EMBEDDED:
        raise ImproperlyConfigured("SECRET_KEY is not set: DATABASE_URL is, and production needs both.")
    path = VAR_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"secret_key.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)  # of two processes that make one, the first wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
PROXIES = int(env("VR_PROXIES", "0"))  # how many proxies of ours stand in front and set X-Forwarded-For


def _public_url() -> str:
    """Say where people find us: what is written outside a request (a mail) has no other way to know."""
    host = next((each for each in ALLOWED_HOSTS if not each.startswith((".", "*"))), "localhost")
    usual = f"http://localhost:{env('PORT', '8000')}" if EMBEDDED else f"http{'s' if HTTPS else ''}://{host}"
    given = env("VR_PUBLIC_URL", usual).rstrip("/")
    if not given.startswith(("http://", "https://")):
        raise ImproperlyConfigured("VR_PUBLIC_URL is where people find this: https://value.example.com")
    return given


VR_PUBLIC_URL = _public_url()


# --- Application ---

ROOT_URLCONF = "valuerealization.urls"
WSGI_APPLICATION = "valuerealization.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "valuerealization.common",
    "accounts",
    "objectives",
    "portfolio",
    "portal",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "valuerealization.common.apps.ProductAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_standardized_errors",
    "pghistory",
    "pgtrigger",
    "rest_framework",
    "rest_framework_api_key",
    "template_partials",
]

MIDDLEWARE = [
    "valuerealization.common.logging.RequestId",
    "valuerealization.common.metrics.MeasureRequests",
    "django_structlog.middlewares.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "valuerealization.common.uploads.BodyLimit",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "valuerealization.common.history.HistoryContext",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SecondFactorForAdmin",
    "accounts.middleware.ReaderFormats",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "valuerealization.common.context.shell",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = False


# --- Database ---

PGHISTORY_CREATED_AT_FUNCTION = "value_now()"  # the one SQL clock
STATEMENT_TIMEOUT = env("VR_STATEMENT_TIMEOUT", "0")  # the web server sets one, see wsgi.py


def _embedded_database(role: str) -> str:
    """Say where the embedded PostgreSQL listens, for tools that read settings without starting it."""
    return f"postgresql://{role}@/valuerealization?host={VAR_DIR / 'run'}"


DATABASES = {
    "default": database(
        env("DATABASE_URL", _embedded_database("vr_app")),
        statement_timeout=STATEMENT_TIMEOUT,
        lock_timeout="15s",
        idle_in_transaction_session_timeout="5min",
        client_connection_check_interval="10s",  # a killed worker's statement doesn't run on without it
    ),
    # Migrations only: `manage.py migrate --database owner`. A slow one gives way to requests.
    "owner": database(
        env("DATABASE_OWNER_URL", env("DATABASE_URL", _embedded_database("vr_owner"))), lock_timeout="10s"
    )
    | {"CONN_MAX_AGE": 0},
}


# --- Broker, tasks, cache ---

REDIS_URL = env(
    "REDIS_URL", f"unix://{VAR_DIR / 'run' / 'valkey.sock'}?db=0" if EMBEDDED else "redis://localhost:6379/0"
)


CELERY_BROKER_URL = broker(REDIS_URL)
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,  # twice the longest task
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "retry_on_timeout": False,
    "health_check_interval": 30,
}
# Publishing happens in requests: say so at once when the broker is away; the database keeps what is due.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = 10_000
CELERY_BEAT_SCHEDULER = "valuerealization.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

CACHES = {
    "default": {
        "BACKEND": "valuerealization.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "vr",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    },
}


# --- People ---

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # people are added by administrators
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None  # the sign-in form asks
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_ADAPTER = "accounts.sign_in.Sessions"
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
MFA_ADAPTER = "accounts.sign_in.SecondFactor"
MFA_TOTP_ISSUER = VR_ORGANISATION
MFA_ALLOW_UNVERIFIED_EMAIL = True  # people are added by administrators, who know their addresses
USERSESSIONS_TRACK_ACTIVITY = False  # when a session was last seen would be a write with each request
# Whether the admin opens only to people who have a second factor; the embedded set-up is for trying out.
VR_ADMIN_SECOND_FACTOR = env_flag("VR_ADMIN_SECOND_FACTOR", default=not EMBEDDED)
# Wrong codes of a second factor, for each person, wherever they come from. Failed passwords are counted in the database
# (axes) and not by this, see `accounts.sign_in.Sessions`.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/15m/key"}


def attempted_address(request: HttpRequest | None, credentials: Mapping[str, str] | None = None) -> str:
    """Name the address somebody tries to sign in with, on our page, in the admin or in code."""
    given: Mapping[str, Any] = credentials or (request.POST if request is not None else {})
    return str(given.get("email") or given.get("username") or given.get("login") or "").strip().lower()


AXES_USERNAME_CALLABLE = attempted_address
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_VERBOSE = False
AXES_IPWARE_PROXY_COUNT = PROXIES
AXES_IPWARE_META_PRECEDENCE_ORDER = ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"] if PROXIES else ["REMOTE_ADDR"]

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"


# --- Admin ---

_ACCENT = {
    "50": "#f1f8f9", "100": "#e4f0f2", "200": "#c3dfe4", "300": "#92d6e2", "400": "#6fc4d3", "500": "#5fb3c3",
    "600": "#0f5a6b", "700": "#0a4553", "800": "#14313a", "900": "#10262d", "950": "#0b1a1f",
}  # fmt: skip
UNFOLD: dict[str, Any] = {
    "SITE_SUBHEADER": VR_ORGANISATION,
    "SITE_SYMBOL": "monitoring",
    "SITE_ICON": lambda _request: static("img/favicon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("img/favicon.svg")},
    ],
    "STYLES": [lambda _request: static("css/admin.css")],
    "SHOW_LANGUAGES": False,
    "COLORS": {"primary": _ACCENT},
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
    "DASHBOARD_CALLBACK": "portfolio.admin.dashboard",
}


# --- Transport and content security ---

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # probes come by plain http
SECURE_HSTS_SECONDS = int(env("VR_HSTS_SECONDS", "31536000")) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # 50,000 readings in one array


# --- Static files ---

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = VAR_DIR / "media"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG


# --- Mail ---


globals().update(mail(env("EMAIL_URL", f"file://{VAR_DIR / 'mail'}" if EMBEDDED else "smtp://localhost")))
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", "value@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL


# --- API ---

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.KeyAuthentication",
        "accounts.api.authentication.SessionReading",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.authentication.MayCall"],
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "valuerealization.common.api.schema.ApiSchema",
    "DEFAULT_RENDERER_CLASSES": ["valuerealization.common.api.renderers.ApiRenderer"],
    "DEFAULT_PARSER_CLASSES": ["valuerealization.common.api.parsers.JsonParser"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "NUM_PROXIES": PROXIES,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "valuerealization.common.api.handler.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "valuerealization.common.api.handler.ProblemFormatter",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Value Realization API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}


# --- Logs ---

LOG_JSON = env_flag("VR_LOG_JSON", default=not EMBEDDED and not DEBUG)
LOG_LEVEL = env("VR_LOG_LEVEL", "INFO").upper()
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared_processors,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": "valuerealization.common.logging.Lines",
            "foreign_pre_chain": _shared_processors,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(
                    [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
                    if LOG_JSON
                    else [
                        structlog.dev.ConsoleRenderer(
                            colors=env_flag("VR_LOG_COLOUR"),
                            pad_event_to=0,
                            exception_formatter=structlog.dev.plain_traceback,  # others print the values of variables
                        )
                    ]
                ),
            ],
        },
    },
    "filters": {"quiet_probes": {"()": "valuerealization.common.logging.QuietProbes"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["quiet_probes"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL},  # its own would write secrets of addresses
        "django.server": {"handlers": ["stderr"], "propagate": False, "level": LOG_LEVEL},
        "django.request": {"level": "ERROR"},  # the request's own line says as much
        "axes": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},  # what is received is logged when it is done
        "kombu": {"level": "WARNING"},
    },
}
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # checked by our own middleware in front
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = not PROXIES
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = 20
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = 10
