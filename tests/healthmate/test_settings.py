import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_DATABASE = "postgresql://nobody@127.0.0.1:9/none"
MINE = re.compile(r'env\.\w+\(\s*"(\w+)"')
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def start(*command, **environment):
    """Run a process with nothing in its environment but what the test says."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DATA_DIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, "DATABASE_URL": NO_DATABASE, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def production():
    return {"SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "clinic.example"}


def test_every_setting_is_documented_with_default_and_meaning():
    read = set(MINE.findall((ROOT / "healthmate" / "settings.py").read_text()))
    rows = ROW.findall((ROOT / "docs" / "settings.md").read_text())
    assert read
    assert sorted(name for name, _, _ in rows) == sorted(read)
    assert all(default.strip() and len(meaning) > 10 for _, default, meaning in rows)


def test_production_does_not_start_without_a_secret():
    refused = start("manage.py", "check")
    assert refused.returncode != 0
    assert "SECRET_KEY is not set" in refused.stderr
    assert "secrets.token_urlsafe" in refused.stderr


def test_production_settings_pass_the_deployment_checks(production):
    passed = start(
        "-W", "error::DeprecationWarning", "manage.py", "check", "--deploy", "--fail-level", "WARNING", **production
    )
    assert (passed.returncode, passed.stderr) == (0, "")
    assert "no issues" in passed.stdout


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "http", "PORT in the environment or .env must be a whole number."),
        ("WORKERS", "", "WORKERS in the environment or .env must be a whole number."),
        ("LLM_TIMEOUT", "soon", "LLM_TIMEOUT in the environment or .env must be a number."),
        ("DEBUG", "maybe", "DEBUG in the environment or .env must be on or off."),
        ("DATABASE_URL", "mysql://a:secret@b/c", "DATABASE_URL must be postgres://"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_a_sentence(production, name, value, sentence):
    refused = start("manage.py", "check", **{**production, name: value})
    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "secret@" not in refused.stderr


def test_a_server_refuses_to_start_too_and_tells_the_mend(production):
    refused = start("-m", "uvicorn", "healthmate.asgi:application", "--port", "0", **production, WORKERS="3")
    assert refused.returncode != 0
    assert "WORKERS is 3 but REDIS_URL is not set." in refused.stderr
    assert "Set REDIS_URL, or WORKERS=1." in refused.stderr
