"""The relay of tokens, side by side: a direct client, FastAPI + SDK, and HealthMate's real endpoint.

Everything runs on this machine, in turns, one worker each, against the paced upstream of `../shared/bench` (which must
be there). HealthMate runs as `make serve` runs it, with authentication, ownership, throttles, persistence and RunLog.
The table that is printed, and written with --out, has medians of --repeats turns. The exit status is 1 when HealthMate
lost, doubled or reordered a token, failed a stream, or never had all of them open at once where it should.

    .venv/bin/python -m benchmarks.relay --streams 200 --repeats 3 --out relay.md
    .venv/bin/python -m benchmarks.relay --streams 1000 --crowd --repeats 1 --out crowd.md

--crowd: all streams are open at once for a while, at the pace of a reader: 200 tokens, 150 ms apart, started within
20 s; FastAPI is left out.
"""

import argparse
import json
import os
import resource
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT.parent / "shared" / "bench"
BIN = Path(sys.executable).parent
COLUMNS = ("us_per_tok", "ttft_p50", "ttft_p95", "rss_kb_per_conn", "peak_live", "lost", "dup", "ooo", "errors")
FAULTS = ("lost", "dup", "ooo", "errors")
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


@dataclass(frozen=True)
class Load:
    """What is asked of each contender: so many streams at a time, twice."""

    streams: int
    tokens: int = 100
    pace_ms: int = 20
    ramp: float = 1.0  # seconds in which they start

    def __str__(self) -> str:
        return f"{self.streams} streams of {self.tokens} tokens, {self.pace_ms} ms apart, started in {self.ramp:g} s"

    def run(self, url: str, *arguments: str) -> dict[str, Any]:
        """One turn of the load generator; its JSON."""
        command = [sys.executable, str(BENCH / "load.py"), url, "--json", "-c", str(self.streams), "-r", "2"]
        command += ["--ramp", str(self.ramp), "--tokens", str(self.tokens), "--pace-ms", str(self.pace_ms)]
        return dict(json.loads(subprocess.check_output([*command, "--max-seconds", "300", *arguments], text=True)))


def crowd(streams: int) -> Load:
    """All streams open at once for at least a third of the time that one takes."""
    return Load(streams, tokens=200, pace_ms=150, ramp=20)


class Contenders:
    """What is measured; each call is one turn."""

    def __init__(self, upstream: str, folder: Path, load: Load) -> None:
        self.upstream, self.folder, self.load = upstream, folder, load
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
        script = PREPARE.replace("COUNT", str(self.load.streams * 2 + 16))
        shell = [*manage, "shell", "-v", "0", "-c", script]
        lines = subprocess.check_output(shell, env=self.environment, cwd=ROOT, text=True).splitlines()
        self.token = next(line.split()[1] for line in lines if line.startswith("TOKEN"))
        sessions = [line.split()[1] for line in lines if line.startswith("SESSION")]
        (self.folder / "sessions.txt").write_text("\n".join(sessions))

    def direct(self) -> dict[str, Any]:
        """A client that reads the upstream itself."""
        body = json.dumps({"model": "bench", "input": [{"role": "user", "content": "hola"}], "stream": True})
        url = f"{self.upstream}/responses"
        return self.load.run(url, "--preset", "openai-responses", "--body", body)

    def fastapi(self) -> dict[str, Any]:
        """FastAPI and the SDK, as the seeds do it: nothing is checked and nothing is kept."""
        port = free_port()
        command = [str(BIN / "uvicorn"), "benchmarks.fastapi_relay:app", "--port", str(port), *SERVER]
        with process(command, port, cwd=ROOT, env=self.environment) as pid:
            url = f"http://127.0.0.1:{port}/api/chat/realtime/sessions/s-{{n}}/stream"
            return self.load.run(url, "--server-pid", str(pid))

    def healthmate(self) -> dict[str, Any]:
        """The product."""
        port = free_port()
        command = [sys.executable, "manage.py", "serve"]
        with process(command, port, cwd=ROOT, env=self.environment | {"PORT": str(port)}) as pid:
            url = f"http://127.0.0.1:{port}/api/chat/realtime/sessions/{{v}}/stream"
            sessions = ["--values", str(self.folder / "sessions.txt")]
            header = ["-H", f"Authorization: Bearer {self.token}"]
            return self.load.run(url, *sessions, *header, "--server-pid", str(pid))


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


def faults(load: Load, turns: list[dict[str, Any]], *, at_once: bool) -> list[str]:
    """What went wrong in any turn."""
    found = [f"{name}: {turn[name]}" for turn in turns for name in FAULTS if turn[name]]
    live = min(turn["peak_live"] for turn in turns)
    return [*found, f"at most {live} streams were open at once"] if at_once and live < load.streams else found


def main() -> None:
    """Run the contenders in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--crowd", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not BENCH.exists():
        raise SystemExit(f"the load generator is not at {BENCH}")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # of the load generator and the upstream
    load = crowd(options.streams) if options.crowd else Load(options.streams, ramp=max(1.0, options.streams / 100))
    port = free_port()
    upstream = [sys.executable, str(BENCH / "upstream.py"), "--port", str(port)]
    upstream += ["--tokens", str(load.tokens), "--delay-ms", str(load.pace_ms)]
    results: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder, process(upstream, port):
        all_of_them = Contenders(f"http://127.0.0.1:{port}/v1", Path(folder), load)
        contenders = {"direct": all_of_them.direct, "FastAPI + SDK": all_of_them.fastapi}
        if options.crowd:
            del contenders["FastAPI + SDK"]
        contenders["HealthMate"] = all_of_them.healthmate
        all_of_them.prepare()
        for turn in range(options.repeats):
            for name, run in contenders.items():
                results.setdefault(name, []).append(run())
                print(f"{name}, turn {turn + 1}: {results[name][-1]}", file=sys.stderr)
    shown = table(results)
    print(shown)
    if options.out:
        options.out.write_text(f"{load}\n\n{shown}\n")
    if found := faults(load, results["HealthMate"], at_once=options.crowd):
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
