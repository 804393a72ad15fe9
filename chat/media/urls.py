"""The rules for an address that a client sends: what it may look like, and that only public hosts are behind it."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

from django.utils.translation import gettext as _
from yarl import URL

from chat.media.addresses import STRICT, IPAddress, Rules
from healthmate.common.errors import URL_REFUSED, ApiError

logger = logging.getLogger(__name__)

MAX_URLS = 5
MAX_LENGTH = 2048
# Stricter than RFC 3986: what parsers are known to disagree about (an `@`, an empty port, `%` or a zone in the
# host, anything but `/` between host and a later `@`) has no place in the address of a picture or a recording.
SHAPE = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[^\s:@/?#%\\\[\]]+)(:[0-9]{1,5})?([?#][^@/]*)?(/.*)?", re.IGNORECASE)
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a host that ends so is an IPv4 address (WHATWG URL, 3.5)
MAX_NAME = 253
# Names that are never on the public internet: RFC 6761, 6762, 7686, 8375, ICANN's .internal, and the habits of
# private networks that ICANN keeps out of the root.
PRIVATE_ZONES = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan"}
    | {"home.arpa", "onion", "test", "invalid"}
)


class Refused(Exception):  # noqa: N818 - an outcome, said to the client, not a fault
    """An address is not taken; `reason` is a sentence for the person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """An address that passed, with the IP addresses it was checked for: connect to these and no others."""

    url: URL
    addresses: tuple[IPAddress, ...]


async def check_urls(urls: Sequence[str], *, field: str, rules: Rules = STRICT) -> None:
    """Refuse what does not lead to the public web. Raises ApiError URL_REFUSED, which names `field` and the URL."""
    await locate_all(urls, field=field, rules=rules)


async def locate_all(urls: Sequence[str], *, field: str, rules: Rules) -> list[Target]:
    """Check all, at most MAX_URLS; the first bad one in their order is reported. Raises ApiError URL_REFUSED."""
    if len(urls) > MAX_URLS:
        raise refusal(urls[MAX_URLS], field, Refused(_("At most %(most)d are taken.") % {"most": MAX_URLS}))
    found = await asyncio.gather(*(locate(url, rules) for url in urls), return_exceptions=True)
    targets = []
    for url, target in zip(urls, found, strict=True):
        if isinstance(target, Refused):
            raise refusal(url, field, target)
        if isinstance(target, BaseException):
            raise target
        targets.append(target)
    return targets


async def locate(url: str, rules: Rules) -> Target:
    """Parse a URL and resolve its host, once. Raises Refused."""
    parsed = parse(url)
    if parsed.port not in rules.ports:
        allowed = ", ".join(str(port) for port in sorted(rules.ports))
        raise Refused(_("Its port is not one of %(ports)s.") % {"ports": allowed})
    addresses = await _addresses_of(parsed.raw_host or "", rules)
    # Every one: which of them a connection takes is not ours to predict. A name that does not resolve is told
    # the same, so that nobody can ask us which names exist inside.
    if not addresses or not all(rules.is_public(address) for address in addresses):
        raise Refused(_("Its host is not on the public internet."))
    return Target(parsed, addresses)


def parse(url: str) -> URL:
    """The URL as the HTTP client will read it, when nothing about it is doubtful. Raises Refused."""
    if not isinstance(url, str):
        raise Refused(_("It is not text."))
    if len(url) > MAX_LENGTH:
        raise Refused(_("It is longer than %(most)d characters.") % {"most": MAX_LENGTH})
    if not is_plain(url):
        raise Refused(_("It contains a space, a backslash or an invisible character."))
    if not url.lower().startswith(("http://", "https://")):
        raise Refused(_("Only http:// and https:// addresses are taken."))
    if not SHAPE.fullmatch(url):
        raise Refused(_("It must be scheme, host and path, without a user name or password."))
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError:
        raise Refused(_("It is not a valid address.")) from None
    if port is None or not _is_host(parsed.raw_host or ""):
        raise Refused(_("Its host is not a public name or an address in its usual form."))
    return parsed


def is_plain(text: str) -> bool:
    """Nothing that one reader skips and another does not: spaces, controls, invisible characters, backslashes."""
    return text.isprintable() and not any(character.isspace() or character == "\\" for character in text)


def refusal(url: object, field: str, refused: Refused) -> ApiError:
    """The 400 that names the URL and says why."""
    named = str(url)[:MAX_LENGTH].encode(errors="replace").decode()  # a lone surrogate cannot be sent
    digest = hashlib.sha256(named.encode()).hexdigest()[:12]
    logger.info("%s: URL %s at host %r refused: %s", field, digest, _host_for_log(named), refused.reason)
    message = _("The address %(url)s is refused. %(reason)s") % {"url": named, "reason": refused.reason}
    return ApiError(URL_REFUSED, message=message, details={"field": field, "url": named, "reason": refused.reason})


def _host_for_log(url: str) -> str | None:
    try:
        return URL(url).raw_host
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    """Whether a host, as parsed, is an IP address in canonical form or a name that can be public."""
    if _literal(host) is not None:
        return True
    labels = host.split(".")
    if len(host) > MAX_NAME or len(labels) == 1 or NUMERIC_LABEL.fullmatch(labels[-1]):
        return False
    if not PRIVATE_ZONES.isdisjoint({labels[-1], ".".join(labels[-2:])}):
        return False
    return all(LABEL.fullmatch(label) for label in labels)


def _literal(host: str) -> IPAddress | None:
    """The IP address that a host is, if written canonically: no zone, no octal, no hex, no short form."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) or not address.scope_id else None


async def _addresses_of(host: str, rules: Rules) -> tuple[IPAddress, ...]:
    if literal := _literal(host):
        return (literal,)
    try:
        async with asyncio.timeout(rules.lookup_seconds):
            found = await rules.resolve(host)
    except TimeoutError:
        return ()
    return tuple(ip_address(address) for address in found)
