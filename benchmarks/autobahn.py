"""The Autobahn WebSocket test suite against the production server: uvicorn as `make serve` runs it, echoing.

The suite is Python 2.7: `virtualenv -p python2.7 wstest && wstest/bin/pip install autobahntestsuite==0.8.2`. Prints how
many cases came out how; the exit status is 1 when one failed. The only setting that is not production's is the size of
a message, which the suite takes up to 16 MiB.

    .venv/bin/python -m benchmarks.autobahn --wstest wstest/bin/wstest
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.relay import free_port

CORE = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}  # NON-STRICT: right, if not in the strictest reading


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """ASGI application: what the suite expects of a server."""
    while True:
        message = await receive()
        match message["type"]:
            case "websocket.connect":
                await send({"type": "websocket.accept"})
            case "websocket.receive":
                told = {kind: message[kind] for kind in ("text", "bytes") if message.get(kind) is not None}
                await send({"type": "websocket.send", **told})
            case _:
                return


async def run(wstest: str, cases: list[str], folder: Path) -> dict[str, dict[str, str]]:
    """The suite's verdict on every case."""
    import uvicorn  # noqa: PLC0415 (the settings are chosen before)

    from healthmate.serving import server_config  # noqa: PLC0415 (likewise)

    config = server_config()
    config.app, config.port, config.lifespan, config.workers = echo, free_port(), "off", 1
    config.ws_max_size = 16 * 1024 * 1024 + 16
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    spec = {
        "outdir": str(folder),
        "servers": [{"agent": "healthmate", "url": f"ws://127.0.0.1:{config.port}"}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    options = ["-m", "fuzzingclient", "-s", str(folder / "spec.json")]
    suite = await asyncio.create_subprocess_exec(wstest, *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await suite.wait()
    server.should_exit = True
    await serving
    verdicts: dict[str, dict[str, str]] = json.loads((folder / "index.json").read_text())["healthmate"]
    return verdicts


def main() -> None:
    """Run, print, exit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wstest", required=True, help="path of the suite's command")
    parser.add_argument("--cases", nargs="+", default=CORE, help="default: %(default)s")
    options = parser.parse_args()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="healthmate.settings",
        ENV_FILE=os.devnull,
        SECRET_KEY="none is signed",
        DATABASE_URL="postgres://nobody@127.0.0.1:9/none",
        LOG_LEVEL="CRITICAL",
    )
    with tempfile.TemporaryDirectory() as folder:
        verdicts = asyncio.run(run(options.wstest, options.cases, Path(folder)))
    print(len(verdicts), "cases:", dict(Counter(case["behavior"] for case in verdicts.values())))
    failed = {name: case for name, case in verdicts.items() if not {case["behavior"], case["behaviorClose"]} <= PASSED}
    for name, case in failed.items():
        print(name, case["behavior"], case["behaviorClose"])
    sys.exit(bool(failed) or not verdicts)


if __name__ == "__main__":
    main()
