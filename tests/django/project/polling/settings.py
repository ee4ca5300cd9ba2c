"""Settings of the polling project. Where its databases are, and `DR`, come from the environment, as
in any deployment; the tests set both."""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "only for the tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "users.User"
ROOT_URLCONF = "polling.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.postgres",
    "users",
    "polls",
    "votes",
    "analytics",
    "dr.django",
]

DATABASES = json.loads(os.environ["POLLING_DATABASES"])
DATABASE_ROUTERS = ["polling.routers.Analytics"]

DR = json.loads(os.environ.get("POLLING_DR", "{}"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"dr": {"handlers": ["stderr"], "level": "DEBUG"}},
}
