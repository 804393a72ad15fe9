"""Clinicians' sockets under load: many sockets, many sessions on each, every frame accounted for.

HealthMate runs as `make serve` runs it, one worker, against the paced model server of `../shared/bench` (which must be
there). The exit status is 1 when a frame was lost, doubled, out of order or in another's session.

    .venv/bin/python -m benchmarks.sockets --sockets 200
    .venv/bin/python -m benchmarks.sockets --sockets 1 --sessions 20
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import websockets

from benchmarks.relay import BENCH, ROOT, free_port, process

PREPARE = """
from healthmate.accounts.services import log_in
print("TOKEN", log_in(email="clinician@healthmate.demo", password="bench").access_token)
"""
QUESTION = {"document_type_id": 8, "document_number": "30995750", "question": "¿Qué medicamentos toma?"}


def environment(folder: str, upstream: str, port: int) -> dict[str, str]:
    """The server's settings: no limits, since one user opens every socket."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "DJANGO"))},
        "DATA_DIR": folder,
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "SECURE_SSL_REDIRECT": "off",
        "OPENAI_BASE_URL": upstream,
        "PORT": str(port),
        "RATE_MESSAGES": "off",
        "RATE_SOCKETS": "off",
        "LOG_LEVEL": "ERROR",
    }


def token(env: dict[str, str]) -> str:
    """A clinician's, of the demo clinic in a fresh database."""
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v", "0"], env=env, cwd=ROOT, check=True)
    seed = [*manage, "seed_demo", "--password", "bench"]
    subprocess.run(seed, env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    said = subprocess.check_output([*manage, "shell", "-v", "0", "-c", PREPARE], env=env, cwd=ROOT, text=True)
    return next(line.split()[1] for line in said.splitlines() if line.startswith("TOKEN"))


class Tally:
    """What the sockets saw."""

    def __init__(self) -> None:
        self.first_tokens: list[float] = []  # seconds after the question
        self.tokens = 0
        self.faults: list[str] = []

    def check(self, frames: list[dict[str, Any]]) -> None:
        """Hold a session's frames to their numbers and to the text at their end."""
        self.tokens += sum(frame["type"] == "token" for frame in frames)
        if [frame.get("seq") for frame in frames] != list(range(1, len(frames) + 1)):
            self.faults.append("frames lost, doubled or out of order")
        last = frames[-1]
        if last["type"] != "complete":
            self.faults.append(str(last.get("error")))
        elif "".join(frame["token"] for frame in frames if frame["type"] == "token") != last["answer"]["text"]:
            self.faults.append("the tokens are not the answer")


async def one_socket(url: str, sessions: int, start: asyncio.Barrier, tally: Tally) -> None:
    """Open a socket, and once all are open ask on all its sessions at once."""
    async with websockets.connect(url, compression=None, open_timeout=120, max_size=None) as socket:
        await socket.recv()
        await start.wait()
        await start.wait()
        begun: dict[str, float] = {}
        for _ in range(sessions):
            session_id = str(uuid4())
            begun[session_id] = time.perf_counter()
            await socket.send(json.dumps({"type": "query", "session_id": session_id, **QUESTION}))
        frames: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        running = set(begun)
        while running:
            frame = json.loads(await socket.recv())
            session_id = frame["session_id"]
            if frame["type"] == "token" and frames[session_id][-1]["type"] == "stream_start":
                tally.first_tokens.append(time.perf_counter() - begun[session_id])
            frames[session_id].append(frame)
            if frame["type"] in {"complete", "error"}:
                running.remove(session_id)
        for of_session in frames.values():
            tally.check(of_session)


async def load(url: str, sockets: int, sessions: int, server: psutil.Process) -> dict[str, float]:
    """Everything at once; the figures, or SystemExit with what went wrong."""
    start, tally = asyncio.Barrier(sockets + 1), Tally()
    memory = server.memory_info().rss
    asking = [asyncio.create_task(one_socket(url, sessions, start, tally)) for _ in range(sockets)]
    await start.wait()
    opened, before, began = server.memory_info().rss, sum(server.cpu_times()[:2]), time.perf_counter()
    await start.wait()
    await asyncio.gather(*asking)
    seconds, cpu = time.perf_counter() - began, sum(server.cpu_times()[:2]) - before
    if tally.faults or len(tally.first_tokens) != sockets * sessions:
        raise SystemExit("; ".join(sorted(set(tally.faults))) or "an answer had no token")
    firsts = sorted(tally.first_tokens)
    return {
        "tokens": tally.tokens,
        "seconds": round(seconds, 1),
        "cpu_us_per_token": round(cpu / tally.tokens * 1e6),
        "first_token_p50_ms": round(statistics.median(firsts) * 1000),
        "first_token_p95_ms": round(firsts[int(len(firsts) * 0.95)] * 1000),
        "kb_per_open_socket": round((opened - memory) / sockets / 1024, 1),
    }


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=1, help="on each socket")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--pace-ms", type=int, default=20)
    options = parser.parse_args()
    upstream_port, port = free_port(), free_port()
    upstream = [sys.executable, str(BENCH / "upstream.py"), "--port", str(upstream_port)]
    upstream += ["--tokens", str(options.tokens), "--delay-ms", str(options.pace_ms)]
    with tempfile.TemporaryDirectory() as folder, process(upstream, upstream_port):
        env = environment(str(Path(folder) / "data"), f"http://127.0.0.1:{upstream_port}/v1", port)
        bearer = token(env)
        with process([sys.executable, "manage.py", "serve"], port, cwd=ROOT, env=env) as pid:
            url = f"ws://127.0.0.1:{port}/ws/chat?token={bearer}"
            figures = asyncio.run(load(url, options.sockets, options.sessions, psutil.Process(pid)))
    print(json.dumps({"sockets": options.sockets, "sessions": options.sessions, **figures}))


if __name__ == "__main__":
    main()
