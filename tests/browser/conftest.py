"""A headless Chromium on the live server; it reaches nothing else, and a page that complains fails its test."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.chat.conftest import model_server, test_tools

__all__ = ["model_server", "test_tools"]

SEEDS = Path(__file__).parent / "seeds"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@dataclass
class Watched:
    """A page, what it complained of and where it went."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of complaints that belong to the test

    def unexpected(self) -> list[str]:
        return [said for said in self.complaints if not any(part in said for part in self.expected)]

    def strangers(self, origin: str) -> list[str]:
        hosts = {urlsplit(origin).netloc, ""}
        return [address for address in self.addresses if urlsplit(address).netloc not in hosts]


@pytest.fixture
async def browser(server: Any) -> AsyncIterator[Browser]:
    """Chromium of the distribution; `localhost:5000`, which seed 4's example calls, is the live server."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    port = urlsplit(server.url).port
    rules = f"MAP localhost:5000 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", f"--host-resolver-rules={rules}"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser, server: Any) -> AsyncIterator[Callable[..., Any]]:
    """Open an address in a browser profile of its own; at the end it must have neither complained nor gone abroad."""
    opened: list[tuple[Watched, str]] = []

    async def open_page(
        origin: str = "", *, language: str = "en", viewport: dict[str, int] = DESKTOP, path: str = "/", **options: Any
    ) -> Watched:
        origin = origin or server.url
        context = await browser.new_context(locale=language, viewport=viewport, **options)
        watched = Watched(await context.new_page())
        opened.append((watched, origin))
        watched.page.on("console", lambda said: watched.complaints.append(said.text) if said.type in BAD else None)
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("request", lambda request: watched.addresses.append(request.url))
        await watched.page.goto(origin + path)
        await watched.page.wait_for_load_state("networkidle")
        return watched

    yield open_page
    for watched, origin in opened:
        await watched.page.context.close()
        assert watched.unexpected() == []
        assert watched.strangers(origin) == []


BAD = {"error", "warning"}


@pytest.fixture
def model(model_server: Any, settings: Any) -> Any:
    """A model server that writes at a person's pace and calls no tools."""
    settings.LLM_STALL_TIMEOUT = 10
    return model_server.tool_mode("off").pace(30)


@pytest.fixture
async def cutting_proxy(server: Any) -> AsyncIterator[Callable[..., Any]]:
    """A way to the server that cuts each event stream after so many bytes as `cuts` tells, one number per stream."""
    proxies: list[asyncio.Server] = []
    connections: dict[asyncio.Task[Any], list[asyncio.StreamWriter]] = {}

    async def start(cuts: list[int]) -> str:
        left = list(cuts)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
            connections[asyncio.current_task()] = [writer, upstream]
            there = asyncio.create_task(_copy(reader, upstream))
            with contextlib.suppress(ConnectionError):
                await _copy_and_cut(upstream_reader, writer, left)
            for end in (upstream, writer):
                end.transport.abort()
            with contextlib.suppress(ConnectionError):
                await there

        proxies.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return f"http://127.0.0.1:{proxies[-1].sockets[0].getsockname()[1]}"

    yield start
    for proxy in proxies:
        proxy.close()
    for task, ends in connections.items():
        for end in ends:
            end.transport.abort()
        await task


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _copy_and_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int]) -> None:
    budget = None
    while data := await reader.read(65536):
        if budget is None and left and b"content-type: text/event-stream" in data.partition(b"\r\n\r\n")[0].lower():
            budget = left.pop(0)
        if budget is not None:
            data, budget = data[:budget], budget - len(data)
        writer.write(data)
        await writer.drain()
        if budget is not None and budget <= 0:
            return
        if data.endswith(b"\r\n0\r\n\r\n"):
            budget = None
