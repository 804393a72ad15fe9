"""Fetching a recording from where a client says it is: only from checked addresses, and never more than it should."""

import asyncio
import mimetypes
import re
import socket
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.utils.translation import gettext as _
from yarl import URL

from chat.media.addresses import STRICT, Rules
from chat.media.urls import Refused, Target, is_plain, locate, locate_all, refusal

MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Nothing of the client's request is passed on. Uncompressed, so that the bytes that are counted are all there are.
HEADERS = {"User-Agent": "HealthMate", "Accept": "audio/*", "Accept-Encoding": "identity"}
ALSO_RECORDINGS = frozenset({"application/ogg", "video/mp4", "video/webm"})  # what recorders of browsers call theirs
# A transcriber goes by the name's ending.
EXTENSIONS = {
    "application/ogg": "ogg",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/m4a": "m4a",
    "audio/mp3": "mp3",
    "audio/mp4": "mp4",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/vnd.wave": "wav",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/webm": "webm",
    "audio/x-flac": "flac",
    "audio/x-m4a": "m4a",
    "audio/x-wav": "wav",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
SUFFIX = re.compile(r"\.([a-z0-9]{1,5})", re.IGNORECASE)


@dataclass(frozen=True)
class Audio:
    """A recording; `filename` is made by us and ends as its type wants it."""

    content: bytes
    filename: str
    content_type: str


class _Pinned(AbstractResolver):
    """Gives the addresses that were checked, and asks nobody; literal addresses never get here."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the one host this is for. Raises OSError for any other."""
        if host != self.target.url.raw_host:
            raise OSError(f"{host} was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,  # noqa: PLR2004
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.target.addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def fetch_audio(url: str, *, field: str = "audio_urls", rules: Rules = STRICT) -> Audio:
    """Fetch a recording from a public address. Raises ApiError URL_REFUSED, whatever went wrong on the other side."""
    [target] = await locate_all([url], field=field, rules=rules)
    return await fetch_located(target, named=url, field=field, rules=rules)


async def fetch_located(target: Target, *, named: str, field: str, rules: Rules) -> Audio:
    """Fetch from what was checked already; a refusal names the URL as the client wrote it. Raises ApiError."""
    try:
        async with asyncio.timeout(rules.fetch_seconds):
            return await _follow(target, rules)
    except Refused as refused:
        raise refusal(named, field, refused) from None
    except TimeoutError:
        raise refusal(named, field, Refused(_("Fetching it took too long."))) from None
    except (aiohttp.ClientError, OSError) as error:
        raise refusal(named, field, Refused(_("It could not be fetched."))) from error


async def _follow(target: Target, rules: Rules) -> Audio:
    """The recording, through at most MAX_REDIRECTS redirects, each checked like a first address. Raises Refused."""
    for _hop in range(MAX_REDIRECTS + 1):
        answer = await _get(target, rules)
        if isinstance(answer, Audio):
            return answer
        target = await _locate_redirect(target.url, answer, rules)
    raise Refused(_("It redirects more than %(most)d times.") % {"most": MAX_REDIRECTS})


async def _locate_redirect(base: URL, location: str, rules: Rules) -> Target:
    if not is_plain(location):
        raise Refused(_("It redirects to somewhere that is not taken."))
    try:
        target = await locate(urljoin(str(base), location), rules)
    except (Refused, ValueError):
        # Where it leads is the other server's secret or its attack; neither is told on.
        raise Refused(_("It redirects to somewhere that is not taken.")) from None
    if base.scheme == "https" and target.url.scheme != "https":
        raise Refused(_("It redirects from https to http."))
    return target


async def _get(target: Target, rules: Rules) -> Audio | str:
    """One request, to the checked addresses: the recording, or where it says to go."""
    connector = aiohttp.TCPConnector(
        resolver=_Pinned(target), use_dns_cache=False, force_close=True, ssl=rules.ssl_context or True
    )
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),  # the caller's clock runs for all requests together
            auto_decompress=False,
            trust_env=False,
        ) as session,
        session.get(target.url, allow_redirects=False) as response,
    ):
        if response.status in REDIRECTS and "Location" in response.headers:
            return response.headers["Location"]
        _check_head(response, rules)
        content = await _read(response, rules)
        return Audio(content, _filename(response.content_type, target.url), response.content_type)


def _check_head(response: aiohttp.ClientResponse, rules: Rules) -> None:
    """Refuse before the body is read what can be refused by then. Raises Refused."""
    if response.status != 200:  # noqa: PLR2004
        raise Refused(_("Its server answered with status %(status)d.") % {"status": response.status})
    if not (response.content_type.startswith("audio/") or response.content_type in ALSO_RECORDINGS):
        raise Refused(_("It is not a recording but of another type."))
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Refused(_("Its server sent it compressed, though asked not to."))
    if (response.content_length or 0) > rules.max_bytes:
        raise _too_large(rules)


async def _read(response: aiohttp.ClientResponse, rules: Rules) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > rules.max_bytes:
            raise _too_large(rules)
    if not content:
        raise Refused(_("It is empty."))
    return bytes(content)


def _too_large(rules: Rules) -> Refused:
    return Refused(_("It is larger than %(most)d bytes.") % {"most": rules.max_bytes})


def _filename(content_type: str, url: URL) -> str:
    """A name without anything of the client's but, for a type we do not know, a harmless ending."""
    guessed = EXTENSIONS.get(content_type) or (mimetypes.guess_extension(content_type) or "").lstrip(".")
    suffix = SUFFIX.fullmatch(url.suffix)
    return f"recording.{guessed or (suffix[1].lower() if suffix else 'audio')}"
