"""Every setting of the project. docs/settings.md describes each one; the environment decides what differs."""

import sys
from datetime import timedelta

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from fleet_manager import env
from fleet_manager.logging import logging_config

env.load_dotenv()

BASE_DIR = env.CHECKOUT

# ---------------------------------------------------------------- which installation this is

DJANGO_ENV = env.choice(
    "DJANGO_ENV", "development", among=("development", "testing", "staging", "production")
)
HARDENED = DJANGO_ENV in ("staging", "production")
FLEET_HOME = env.folder("FLEET_HOME", BASE_DIR / "var")
DEBUG = env.boolean("DEBUG", False)
DEMO = env.boolean("DEMO", DJANGO_ENV == "development")
PORT = env.integer("PORT", 8000, least=1, most=65535)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", [] if HARDENED else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)
PUBLIC_URL = env.url("PUBLIC_URL", f"http://localhost:{PORT}", schemes=("http", "https")).rstrip("/")

SECRET_KEY = env.text("SECRET_KEY") or ("" if HARDENED else env.installation_secret(FLEET_HOME))
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")

if HARDENED:
    if (
        len(SECRET_KEY) < 50
        or len(set(SECRET_KEY)) < 5
        or SECRET_KEY.startswith(("django-insecure-", "change-me"))
    ):
        raise ImproperlyConfigured(
            f"SECRET_KEY is missing, short or a known default: DJANGO_ENV={DJANGO_ENV} needs 50 or more "
            "random characters."
        )
    if DEBUG:
        raise ImproperlyConfigured(f"DEBUG=1 shows anyone our inside: DJANGO_ENV={DJANGO_ENV} refuses it.")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS must name the hosts that this installation serves, without '*'."
        )
if DJANGO_ENV == "production" and DEMO:
    raise ImproperlyConfigured(
        "DEMO=1 makes accounts with well-known passwords: DJANGO_ENV=production refuses it."
    )

# ---------------------------------------------------------------- applications

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_htmx",
    "accounts",
    "customer_management",
    "vehicle_management",
    "task_management",
    "alerts",
    "telemetry",
    "rules",
    "feed_processor",
    "file_manager",
    "analytics",
    "dashboard",
    "fleet_manager",
]

MIDDLEWARE = [
    "fleet_manager.logging.RequestLogMiddleware",
    "fleet_manager.health.RequestMetricsMiddleware",
    "fleet_manager.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "fleet_manager.errors.ProblemMiddleware",
    "fleet_manager.bodies.ChunkedBodyMiddleware",
]

ROOT_URLCONF = "fleet_manager.urls"
ASGI_APPLICATION = "fleet_manager.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# ---------------------------------------------------------------- servers

DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 0)
_database = env.database("DATABASE_URL", "postgresql://fleet@localhost/fleet")
if DATABASE_POOL_SIZE:
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 20}
else:
    _database["CONN_MAX_AGE"] = 60
# A server that hangs, or a network that swallows what is sent, must not be waited for as long as TCP would.
_database["OPTIONS"] = {"connect_timeout": 10, "tcp_user_timeout": 30_000, **_database["OPTIONS"]}
_database["CONN_HEALTH_CHECKS"] = True  # a restart of the server must not cost an error per kept connection
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_REDIS_SCHEMES = ("redis", "rediss", "unix")
REDIS_URL = env.url("REDIS_URL", "redis://localhost:6379/0", schemes=_REDIS_SCHEMES)
MESSAGE_BUS_URL = env.url("MESSAGE_BUS_URL", REDIS_URL, schemes=(*_REDIS_SCHEMES, "kafka", "memory"))

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# ---------------------------------------------------------------- jobs

CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL", REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {"file_manager.tasks.*": {"queue": "imports"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_keepalive": True,
    "health_check_interval": 10,
    # Else whoever rings the bell of a broker that is away sleeps 6 s over it, inside of a request.
    "max_retries": 0,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(FLEET_HOME / "run" / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "work-uploads": {
        "task": "file_manager.tasks.work_uploads",
        "schedule": 3.0,
        "options": {"queue": "imports", "expires": 6},
    },
    "work-actions": {"task": "rules.tasks.work_actions", "schedule": 3.0, "options": {"expires": 6}},
    "tell-alerts": {"task": "alerts.tasks.tell_alerts", "schedule": 3.0, "options": {"expires": 6}},
    "escalate-alerts": {
        "task": "rules.tasks.escalate_alerts",
        "schedule": 15.0,
        "options": {"expires": 30},
    },
    "forget-states": {"task": "rules.tasks.forget_states", "schedule": 300.0, "options": {"expires": 150}},
    "roll-up": {"task": "telemetry.tasks.roll_up", "schedule": 10.0, "options": {"expires": 20}},
    "keep-days": {"task": "telemetry.tasks.keep_days", "schedule": 3600.0, "options": {"expires": 1800}},
    "restore-archives": {
        "task": "telemetry.tasks.restore_archives",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "score-trips": {"task": "telemetry.tasks.score_trips", "schedule": 5.0, "options": {"expires": 10}},
    "find-trips": {"task": "telemetry.tasks.find_trips", "schedule": 30.0, "options": {"expires": 30}},
    "prune-change-batches": {
        "task": "vehicle_management.tasks.prune_change_batches",
        "schedule": 300.0,
        "options": {"expires": 150},
    },
}

# ---------------------------------------------------------------- people

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
if DJANGO_ENV == "testing":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ACCESS_TOKEN_LIFETIME = timedelta(minutes=env.integer("ACCESS_TOKEN_MINUTES", 15, least=1))
REFRESH_TOKEN_LIFETIME = timedelta(days=env.integer("REFRESH_TOKEN_DAYS", 14, least=1))

# ---------------------------------------------------------------- language and time

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ---------------------------------------------------------------- files

STATIC_URL = "/static/"
STATIC_ROOT = env.folder("STATIC_ROOT", FLEET_HOME / "static")
S3_BUCKET = env.text("S3_BUCKET")
_uploads: dict[str, object] = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": str(FLEET_HOME / "uploads"), "base_url": None},
}
if S3_BUCKET:
    _uploads = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.text("S3_ENDPOINT_URL") or None,
            "region_name": env.text("S3_REGION") or None,
            "access_key": env.text("S3_ACCESS_KEY") or None,
            "secret_key": env.text("S3_SECRET_KEY") or None,
            "file_overwrite": False,
            "querystring_auth": True,
        },
    }
STORAGES = {
    "default": _uploads,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DJANGO_ENV == "testing" or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DJANGO_ENV == "testing" or DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = str(FLEET_HOME / "incoming")
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer("REQUEST_MAX_BYTES", 10 * 1024**2, least=1024)

# ---------------------------------------------------------------- e-mail

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, least=1, most=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 20
EMAIL_FILE_PATH = str(FLEET_HOME / "mail")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else "rules.mail.FileBackend"
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Fleet Manager <fleet@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# ---------------------------------------------------------------- safety

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "fleet_manager.errors.csrf_failure"
CSRF_FAILURE_VIEW = "fleet_manager.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
TRUST_PROXY = env.boolean("TRUST_PROXY", False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if HARDENED:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
# An online map's style and tiles come from these servers; without one no page asks anybody but us.
MAP_STYLE_URL = env.url("MAP_STYLE_URL", "", schemes=("https", "http"))
MAP_HOSTS = env.origins("MAP_HOSTS", MAP_STYLE_URL) if MAP_STYLE_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *MAP_HOSTS],
        "font-src": [SELF],
        "connect-src": [SELF, *MAP_HOSTS],
        "worker-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# ---------------------------------------------------------------- the API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.RolePermission"],
    "DEFAULT_PAGINATION_CLASS": "api_pattern.pagination.Envelope",
    "DEFAULT_RENDERER_CLASSES": ["api_pattern.renderers.QuickJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api_pattern.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "api_pattern.schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    # `?format=` belongs to the endpoints.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "fleet_manager.errors.answer_error",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Fleet Manager",
    "DESCRIPTION": "Vehicles, their status, files that bring them, and rules that act on them.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "PREPROCESSING_HOOKS": ["api_pattern.schema.tell_api_paths"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ActionStatus": "rules.models.FiringAction.Status",
        "CallerKind": [("user", "user"), ("api_key", "api_key")],
        "TaskStatus": "task_management.models.Task.Status",
        "TripOrigin": "telemetry.models.Trip.Origin",
        "TripStatus": "telemetry.models.Trip.Status",
        "UploadKind": "file_manager.models.Upload.Kind",
        "UploadStatus": "file_manager.models.Upload.Status",
        "VehicleState": "vehicle_management.models.VehicleStatus.Status",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# ---------------------------------------------------------------- the product

OFFLINE_AFTER_S = env.integer("OFFLINE_AFTER_S", 300, least=1)
UPLOAD_MAX_BYTES = env.integer("UPLOAD_MAX_BYTES", 2 * 1024**3, least=1)
IMPORT_CHUNK_ROWS = env.integer("IMPORT_CHUNK_ROWS", 20_000, least=1)
ACTION_ATTEMPTS = env.integer("ACTION_ATTEMPTS", 10, least=1)
WEBHOOK_ALLOW = env.destinations("WEBHOOK_ALLOW")
CHANGE_BATCH_KEEP_HOURS = env.integer("CHANGE_BATCH_KEEP_HOURS", 48, least=1)
LOGIN_ATTEMPTS_PER_MINUTE = env.integer("LOGIN_ATTEMPTS_PER_MINUTE", 10, least=1)
DEMO_VEHICLES = env.integer("DEMO_VEHICLES", 25, least=1)

# ---------------------------------------------------------------- telemetry

UNKNOWN_VEHICLES = env.choice("UNKNOWN_VEHICLES", "refuse", among=("refuse", "quarantine"))
QUARANTINE_FLEET = env.text("QUARANTINE_FLEET", "quarantine")
TELEMETRY_HOT_ROUTE = env.boolean("TELEMETRY_HOT_ROUTE", True)
TELEMETRY_SHARDS = env.integer("TELEMETRY_SHARDS", 1, least=1, most=256)
TELEMETRY_BACKLOG_MB = env.integer("TELEMETRY_BACKLOG_MB", 1024, least=1)
TELEMETRY_RATE_PER_KEY = env.integer("TELEMETRY_RATE_PER_KEY", 20_000, least=1)
READY_MAX_BACKLOG_MB = env.integer("READY_MAX_BACKLOG_MB", TELEMETRY_BACKLOG_MB, least=1)
READY_MAX_LAG_S = env.integer("READY_MAX_LAG_S", 120, least=1)
READINGS_KEEP_DAYS = env.integer("READINGS_KEEP_DAYS", 90, least=1, most=4_000)
HARSH_BRAKING_G = env.number("HARSH_BRAKING_G", -0.4, least=-10, most=0)
RAPID_ACCEL_G = env.number("RAPID_ACCEL_G", 0.4, least=0, most=10)
SCORE_PENALTY = env.number("SCORE_PENALTY", 5, least=0, most=100)
MQTT_URL = env.url("MQTT_URL", "", schemes=("mqtt", "mqtts"))
MQTT_TOPIC = env.text("MQTT_TOPIC", "fleet/+/telemetry")
MQTT_CLIENT_ID = env.text("MQTT_CLIENT_ID", "fleet-manager")

# ---------------------------------------------------------------- watching

METRICS_PORT = env.integer("METRICS_PORT", 0, most=65535)
METRICS_HOST = env.text("HOST", "127.0.0.1")
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.choice("LOG_FORMAT", "json" if HARDENED else "text", among=("json", "text"))
LOGGING = logging_config(level=LOG_LEVEL, form=LOG_FORMAT, coloured=sys.stderr.isatty())
LOGGING_CONFIG = "fleet_manager.logging.configure"
