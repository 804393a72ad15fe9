"""The development server, which `make run` ends with, speaks the same protocol."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from websockets.sync.client import connect

from healthmate.accounts.models import User
from tests.realtime.conftest import Socket
from tests.realtime.raw import CLOSE, TEXT, RawSocket, encoded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def address(database: None, tmp_path: Path) -> Iterator[str]:
    """Of `/ws/chat` at `manage.py runserver`, on the test's database."""
    at = connection.settings_dict
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **{f"DB_{name}": str(at[name]) for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")},
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": "a-key-for-tests-only-a-key-for-tests-only-a-key-for-tests",
        "DEBUG": "1",
    }
    command = [sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:0"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if found := re.search(r"Listening on TCP address 127.0.0.1:(\d+)", line):
                yield f"ws://127.0.0.1:{found[1]}/ws/chat"
                break
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_the_development_server_speaks_the_same_protocol(
    address: str, clinician: User, token_of: object, record: int
) -> None:
    assert callable(token_of)
    url = f"{address}?token={token_of(clinician)}"
    with connect(address) as stranger:
        (refusal,), code = Socket(stranger).end()
        assert (refusal["error"]["code"], code) == ("UNAUTHORIZED", 4401)
    with connect(url, compression=None) as client:
        socket = Socket(client)
        assert socket.receive()["type"] == "connected"
        socket.send(b"x")
        assert socket.receive()["error"]["code"] == "INVALID_REQUEST"
        socket.send('{"type": "ping"}'.ljust(64 * 1024 - 1))
        assert socket.receive() == {"type": "pong"}
        assert socket.ask()[-1]["type"] == "complete"
    with RawSocket(url) as raw:
        welcome = raw.receive()
        assert welcome is not None
        assert json.loads(welcome.payload)["type"] == "connected"
        raw.send(encoded(TEXT, b"x" * 64 * 1024))
        assert [frame.close_code for frame in raw.rest() if frame.opcode == CLOSE] == [1009]
