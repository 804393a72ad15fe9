"""The product as it is served in production: `manage.py serve` in a process of its own, on the test's database."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"Uvicorn running on (\S+)")


class ServerProcess:
    """One worker. It can be ended in any way and is started anew when it is needed again, at another address."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.log: list[str] = []  # of all its lives
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "SECRET_KEY") if name in os.environ},
            "ENV_FILE": os.devnull,
            "DATA_DIR": str(data_dir),
            "PORT": "0",
            "SECURE_SSL_REDIRECT": "off",
            "RATE_MESSAGES": "off",
            "RATE_ADDRESS": "off",
            **environment,
        }
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        self.start()
        assert self._bound.wait(60)
        while self._process is not None and self._process.poll() is None:
            if self._listens():
                return self._url
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
        raise AssertionError("\n".join(self.log[-20:]))

    def _listens(self) -> bool:
        """It tells its address a little earlier."""
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(self._url.rpartition(":")[2]))).close()
            return True
        return False

    def start(self) -> None:
        """Begin to start it, unless it runs."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self.wait()  # it has ended by itself
        at = connection.settings_dict
        database = {f"DB_{name}": str(at[name]) for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=self._environment | database,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._url, self._bound = "", threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.rstrip())
            if found := ADDRESS.search(line):
                self._url = found[1]
                self._bound.set()
        self._bound.set()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        assert self._process is not None
        status = self._process.wait(60)
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None
        return status

    def kill(self) -> None:
        """End it as the kernel does when memory is short: it can neither say nor store anything any more."""
        self.send(signal.SIGKILL)
        self.wait()

    def end(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.send(signal.SIGTERM)
            self.wait()
