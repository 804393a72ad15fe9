"""The production server as a process of its own, on the test's database."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


class Serving:
    """A running server; what it logs is read as far as a test waits for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log = ""

    @cached_property
    def url(self) -> str:
        url = self.wait_for(r"Uvicorn running on (\S+)")[1]
        self.wait_for("Application startup complete")
        return url

    def wait_for(self, pattern: str) -> re.Match[str]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line
            if found := re.search(pattern, line):
                return found
        raise AssertionError(self.log)

    def end(self) -> int:
        """Its exit status, once it has ended."""
        _, rest = self.process.communicate(timeout=60)
        self.log += rest
        return self.process.returncode


@pytest.fixture
def serve(database: None, tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start the production server on the test's database, with a soft limit of 256 open files."""
    at = connection.settings_dict
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **{f"DB_{name}": str(at[name]) for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")},
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path),
        "PORT": "0",
        "SECRET_KEY": "a-key-for-tests-only-a-key-for-tests-only-a-key-for-tests",
        "SECURE_SSL_REDIRECT": "off",
        "CHAT_TOOLS": "",
        "LLM_STALL_TIMEOUT": "30",
    }
    command = ["bash", "-c", 'ulimit -S -n 256; exec "$@"', "-", sys.executable, "manage.py", "serve"]
    running: list[Serving] = []

    def start(**settings: str) -> Serving:
        process = subprocess.Popen(command, cwd=ROOT, env=environment | settings, stderr=subprocess.PIPE, text=True)
        running.append(Serving(process))
        return running[-1]

    yield start
    for serving in running:
        if serving.process.poll() is None:
            serving.process.terminate()
            serving.end()
