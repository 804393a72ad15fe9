"""`manage.py runserver`, with which `make run` ends."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_port_that_is_taken_ends_it_with_an_error_and_a_sentence(django_db_setup: None) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        refused = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    assert refused.returncode == 1
    assert f"CommandError: Couldn't listen on 127.0.0.1:{port}:" in refused.stderr
    assert refused.stderr.endswith(". `PORT=8001 make run` takes another port.\n")
    assert "Traceback" not in refused.stderr
