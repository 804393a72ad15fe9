"""The product's settings for the suite: its defaults, whatever the environment or a `.env` says.

Where the data lives (`DATA_DIR`, `DATABASE_URL`) is the only thing that is taken from outside.
"""

import os
import re
from pathlib import Path

SETTINGS = Path(__file__).resolve().parent.parent / "healthmate" / "settings.py"
FROM_OUTSIDE = {"DATA_DIR", "DATABASE_URL"}
FOR_TESTS = {
    "SECRET_KEY": "a-key-for-tests-only-a-key-for-tests-only-a-key-for-tests",
    "SECURE_SSL_REDIRECT": "off",
    "RATE_MESSAGES": "off",
    "RATE_ADDRESS": "off",
    "RATE_LOGIN": "off",
    "RATE_SOCKETS": "off",
}

for name in set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', SETTINGS.read_text())) - FROM_OUTSIDE:
    os.environ.pop(name, None)
os.environ["ENV_FILE"] = os.devnull
os.environ.update(FOR_TESTS)

from healthmate.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
