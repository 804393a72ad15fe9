"""The product's settings for the suite: the same ones, with a key and no limits in the way."""

import os

os.environ.setdefault("SECRET_KEY", "a-key-for-tests-only-a-key-for-tests-only-a-key-for-tests")
os.environ.setdefault("SECURE_SSL_REDIRECT", "off")
for name in ("RATE_MESSAGES", "RATE_ADDRESS", "RATE_LOGIN"):
    os.environ.setdefault(name, "off")
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
    os.environ.pop(name, None)

from healthmate.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
