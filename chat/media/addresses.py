"""Which network addresses the server may be sent to, and how a name becomes addresses."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address

# IANA IPv4 special-purpose registry, multicast and reserved space. `ipaddress` knows these only in part
# and differently between patch releases of Python.
NOT_PUBLIC_V4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent: a public address that answers only to machines of its own
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# Everything else of IPv6 is special: loopback, mapped and compatible IPv4, ULA, link- and site-local, multicast.
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
NOT_PUBLIC_V6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo, benchmarking and ORCHID among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
]
# On a network without IPv4 the whole IPv4 internet is reached through it (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = 0x5EFE  # RFC 5214: bits 64 to 95 of an address, the universal bit (bit 70) aside
ISATAP_MASK = 0xFDFFFFFF

# Threads of its own: names that answer slowly must not hold up the lookups of everything else.
_LOOKUPS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="media-dns")


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet; an IPv6 one that wraps IPv4 is judged by what it wraps."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.scope_id or (int(address) >> 32) & ISATAP_MASK == ISATAP:
        return False
    return address in GLOBAL_UNICAST_V6 and not any(address in network for network in NOT_PUBLIC_V6)


async def resolve_name(host: str) -> Sequence[str]:
    """Every address of a name, in the system's order; none when it has none. The event loop does not wait."""
    try:
        found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, _lookup, host)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _lookup(host: str) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    return [tuple(entry) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What may be reached and how much may come back; the defaults are production's, no setting loosens them."""

    is_public: Callable[[IPAddress], bool] = is_public
    resolve: Callable[[str], Awaitable[Sequence[str]]] = resolve_name
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    lookup_seconds: float = 5.0
    fetch_seconds: float = 15.0  # the whole of it: lookups, redirects, body
    max_bytes: int = 25 * 1024 * 1024  # what OpenAI takes for a transcription
    ssl_context: ssl.SSLContext | None = None  # none: certificates are verified against the system's authorities


STRICT = Rules()
