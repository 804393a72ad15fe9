"""The relay of tokens, side by side: a direct client, FastAPI + SDK, and HealthMate's real endpoint.

Everything runs on this machine, in turns, one worker each, against the paced upstream of `../shared/bench` (which must
be there). HealthMate runs as `make serve` runs it, with authentication, ownership, throttles, persistence and RunLog.
The table that is printed, and written with --out, has medians of --repeats turns.

    .venv/bin/python -m benchmarks.relay --streams 200 --repeats 3 --out relay.md
"""

import argparse
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT.parent / "shared" / "bench"
BIN = Path(sys.executable).parent
TOKENS, PACE_MS = 100, 20
COLUMNS = ("us_per_tok", "ttft_p50", "ttft_p95", "rss_kb_per_conn", "lost", "dup", "ooo", "errors")
SERVER = ["--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools", "--log-level", "error", "--no-access-log"]
PREPARE = """
from django.contrib.auth import get_user_model
from chat.models import Contact, Thread
from healthmate.accounts.services import log_in
user, _ = get_user_model().objects.get_or_create(email="bench@healthmate.demo")
user.set_password("bench"); user.save()
contact, _ = Contact.objects.get_or_create(phone_number=f"chat_user:{user.pk}", user=user)
threads = Thread.objects.bulk_create(Thread(contact=contact, kind="session") for _ in range(COUNT))
print("TOKEN", log_in(email="bench@healthmate.demo", password="bench").access_token)
for thread in threads: print("SESSION", thread.pk)
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, **options: Any) -> Iterator[int]:
    """A server's pid, once it listens; it is ended afterwards."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if running.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start") from None
                time.sleep(0.1)
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def load(url: str, *arguments: str, streams: int) -> dict[str, Any]:
    """One turn of the load generator; its JSON."""
    ramp = str(max(1.0, streams / 100))
    command = [sys.executable, str(BENCH / "load.py"), url, "--json", "-c", str(streams), "-r", "2", "--ramp", ramp]
    command += ["--tokens", str(TOKENS), "--pace-ms", str(PACE_MS), "--max-seconds", "120", *arguments]
    return dict(json.loads(subprocess.check_output(command, text=True)))


class Contenders:
    """What is measured; each call is one turn."""

    def __init__(self, upstream: str, folder: Path, streams: int) -> None:
        self.upstream, self.folder, self.streams = upstream, folder, streams
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "DJANGO"))},
            "DATA_DIR": str(folder / "data"),
            "ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "SECURE_SSL_REDIRECT": "off",
            "OPENAI_BASE_URL": upstream,
            "RATE_MESSAGES": "1000000/min",
            "RATE_ADDRESS": "1000000/min",
            "ACCESS_TOKEN_MINUTES": "600",
            "LOG_LEVEL": "ERROR",
        }

    def prepare(self) -> None:
        """A database with a user and sessions enough that no stream waits for another."""
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "migrate", "-v", "0"], env=self.environment, cwd=ROOT, check=True)
        script = PREPARE.replace("COUNT", str(self.streams * 2 + 16))
        shell = [*manage, "shell", "-v", "0", "-c", script]
        lines = subprocess.check_output(shell, env=self.environment, cwd=ROOT, text=True).splitlines()
        self.token = next(line.split()[1] for line in lines if line.startswith("TOKEN"))
        sessions = [line.split()[1] for line in lines if line.startswith("SESSION")]
        (self.folder / "sessions.txt").write_text("\n".join(sessions))

    def direct(self) -> dict[str, Any]:
        """A client that reads the upstream itself."""
        body = json.dumps({"model": "bench", "input": [{"role": "user", "content": "hola"}], "stream": True})
        url = f"{self.upstream}/responses"
        return load(url, "--preset", "openai-responses", "--body", body, streams=self.streams)

    def fastapi(self) -> dict[str, Any]:
        """FastAPI and the SDK, as the seeds do it: nothing is checked and nothing is kept."""
        port = free_port()
        command = [str(BIN / "uvicorn"), "benchmarks.fastapi_relay:app", "--port", str(port), *SERVER]
        with process(command, port, cwd=ROOT, env=self.environment) as pid:
            url = f"http://127.0.0.1:{port}/api/chat/realtime/sessions/s-{{n}}/stream"
            return load(url, "--server-pid", str(pid), streams=self.streams)

    def healthmate(self) -> dict[str, Any]:
        """The product."""
        port = free_port()
        command = [str(BIN / "uvicorn"), "healthmate.asgi:application", "--port", str(port), *SERVER]
        with process(command, port, cwd=ROOT, env=self.environment) as pid:
            url = f"http://127.0.0.1:{port}/api/chat/realtime/sessions/{{v}}/stream"
            sessions = ["--values", str(self.folder / "sessions.txt")]
            header = ["-H", f"Authorization: Bearer {self.token}"]
            return load(url, *sessions, *header, "--server-pid", str(pid), streams=self.streams)


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Medians as a Markdown table."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for name, turns in results.items():
        cells = []
        for column in COLUMNS:
            values = [turn[column] for turn in turns if turn.get(column) is not None]
            values = [sum(value.values()) if isinstance(value, dict) else value for value in values]
            cells.append(f"{statistics.median(values):g}" if values else "-")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the contenders in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not BENCH.exists():
        raise SystemExit(f"the load generator is not at {BENCH}")
    port = free_port()
    upstream = [sys.executable, str(BENCH / "upstream.py"), "--port", str(port)]
    upstream += ["--tokens", str(TOKENS), "--delay-ms", str(PACE_MS)]
    results: dict[str, list[dict[str, Any]]] = {"direct": [], "FastAPI + SDK": [], "HealthMate": []}
    with tempfile.TemporaryDirectory() as folder, process(upstream, port):
        contenders = Contenders(f"http://127.0.0.1:{port}/v1", Path(folder), options.streams)
        contenders.prepare()
        for turn in range(options.repeats):
            for name, run in zip(results, (contenders.direct, contenders.fastapi, contenders.healthmate), strict=True):
                results[name].append(run())
                print(f"{name}, turn {turn + 1}: {results[name][-1]}", file=sys.stderr)
    shown = table(results)
    print(shown)
    if options.out:
        options.out.write_text(f"{options.streams} streams of {TOKENS} tokens, {PACE_MS} ms apart\n\n{shown}\n")


if __name__ == "__main__":
    main()
