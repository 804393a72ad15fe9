"""What every test may ask for: a whole database, the server on a socket, the real data."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.redis_server import RedisServer

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With REQUIRE_ALL=1, as in CI, nothing may be left out: a skipped test fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRE_ALL and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def database(django_db_serialized_rollback: None, transactional_db: None) -> None:
    """Committed data that other threads see, with the rows that migrations made."""


@pytest.fixture
def shared_data() -> Path:
    """The real FHIR bundles and questions; a test that needs them says so where they are absent."""
    if not SHARED_DATA.exists():
        pytest.skip(f"the real data is not at {SHARED_DATA}")
    return SHARED_DATA


class LiveServer:
    """The ASGI application under uvicorn on a free port of this machine, in a thread."""

    def __init__(self) -> None:
        from healthmate.asgi import application
        from healthmate.serving import WEBSOCKETS

        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.ws_url = self.url.replace("http", "ws", 1)
        config = uvicorn.Config(application, log_level="warning", lifespan="off", loop="asyncio", **WEBSOCKETS)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        from chat.services.shutdown import shut_down

        self.loop = asyncio.get_running_loop()
        await self.server.serve(sockets=[self.socket])
        await shut_down()

    def settle(self) -> None:
        """Return when no request and no run goes on: the database is about to be emptied."""
        asyncio.run_coroutine_threadsafe(self._settled(), self.loop).result(30)

    async def _settled(self) -> None:
        from chat.services.chat_service import nothing_is_being_stored
        from chat.services.run_executor import current_executor

        while tasks := set(self.server.server_state.tasks):
            await asyncio.wait(tasks)
        await nothing_is_being_stored()
        await current_executor().idle()

    def __enter__(self) -> "LiveServer":
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()


@pytest.fixture(scope="session")
def _live_server(django_db_setup: None) -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server


@pytest.fixture
def server(database: None, _live_server: LiveServer) -> Iterator[LiveServer]:
    """The product on a socket, on the test's database."""
    yield _live_server
    _live_server.settle()


@pytest.fixture
def http(server: LiveServer) -> Iterator[httpx.Client]:
    """A new client of the server: no cookies, no token."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(_redis_server: RedisServer) -> RedisServer:
    """A real Redis with nothing in it."""
    _redis_server.ask("FLUSHALL")
    return _redis_server


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A real Redis of the test's own, to kill and start again."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
