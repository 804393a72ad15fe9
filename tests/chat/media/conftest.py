"""A website on a real socket of this machine that says exactly what a test wants, and rules that let it be reached."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

import pytest

from chat.media import Rules
from chat.media.addresses import is_public

Page = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
PUBLIC = "93.184.216.34"
HERE = "127.0.0.1"
CONTENT_LENGTH = re.compile(r"^content-length: (\d+)", re.IGNORECASE | re.MULTILINE)


def response(body: bytes = b"", *, status: str = "200 OK", **headers: str) -> bytes:
    """Bytes of an HTTP/1.1 response; `content_type="audio/ogg"` is a header, an empty value leaves it out."""
    given = {"content_type": "audio/mpeg", "content_length": str(len(body)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


@dataclass
class Site:
    """What it answers, by path, and every request it was sent."""

    port: int = 0
    pages: dict[str, Page] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, host: str = "media.clinic.com", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if announced := CONTENT_LENGTH.search(head):
                self.bodies.append(await reader.readexactly(int(announced[1])))
            page = self.pages[head.split()[1].partition("?")[0]]
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough, which is what several tests want
        finally:
            writer.close()
            self.closed.set()


@pytest.fixture
async def make_site() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Start a site, with TLS if given a context."""
    servers = []

    async def make(context: ssl.SSLContext | None = None) -> Site:
        site = Site()
        server = await asyncio.start_server(site.serve, HERE, 0, ssl=context)
        servers.append(server)
        site.port = server.sockets[0].getsockname()[1]
        return site

    yield make
    for server in servers:
        server.close()


@pytest.fixture
async def site(make_site: Callable[..., Awaitable[Site]]) -> Site:
    return await make_site()


class Names:
    """A resolver of the test's own: each lookup of a name takes its next answer, the last one for ever."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {"media.clinic.com": [[HERE]], **{name.replace("_", "."): a for name, a in answers.items()}}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.answers.get(host, [[]])
        return answers[min(self.asked.count(host), len(answers)) - 1]


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def rules_for(names: Names) -> Callable[..., Rules]:
    """Production's rules, but 127.0.0.1 itself (nothing else that is not public) stands for a public address."""

    def make(*sites: Site, **changes: Any) -> Rules:
        rules = Rules(
            resolve=names,
            is_public=lambda address: address == ip_address(HERE) or is_public(address),
            ports=frozenset(site.port for site in sites) | Rules().ports,
        )
        return replace(rules, **changes)

    return make


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    """Sentences are compared as they are in the code."""
    settings.LANGUAGE_CODE = "en"


def refused(url: object, reason: str, *, named_field: str = "audio_urls") -> dict[str, Any]:
    """The whole body of a refusal."""
    return {
        "error": {
            "code": "URL_REFUSED",
            "message": f"The address {url} is refused. {reason}",
            "details": {"field": named_field, "url": url, "reason": reason},
        }
    }
