"""Which addresses are taken, for pictures and recordings alike: nothing that could lead inside."""

import asyncio
import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from chat.media import STRICT, Rules, check_urls
from chat.media.addresses import is_public, resolve_name
from healthmate.common.errors import ApiError
from tests.chat.media.conftest import PUBLIC, Names, refused

NOT_PUBLIC = "Its host is not on the public internet."
BAD_HOST = "Its host is not a public name or an address in its usual form."
SCHEME = "Only http:// and https:// addresses are taken."
SHAPE = "It must be scheme, host and path, without a user name or password."
UNCLEAN = "It contains a space, a backslash or an invisible character."
INVALID = "It is not a valid address."
PORT = "Its port is not one of 80, 443, 8080, 8443."

ATTACKS = [
    # IPv4, as usually written
    ("http://127.0.0.1/", NOT_PUBLIC),
    ("http://127.0.0.1:8080/admin", NOT_PUBLIC),
    ("https://127.255.255.254/a.mp3", NOT_PUBLIC),
    ("http://0.0.0.0/", NOT_PUBLIC),
    ("http://0.1.2.3/", NOT_PUBLIC),
    ("http://10.0.0.1/", NOT_PUBLIC),
    ("http://10.255.255.255/", NOT_PUBLIC),
    ("http://172.16.0.1/", NOT_PUBLIC),
    ("http://172.31.255.255/", NOT_PUBLIC),
    ("http://192.168.1.1/", NOT_PUBLIC),
    ("http://169.254.169.254/latest/meta-data/", NOT_PUBLIC),
    ("http://169.254.170.2/v2/credentials", NOT_PUBLIC),
    ("http://100.64.0.1/", NOT_PUBLIC),
    ("http://100.100.100.200/latest/meta-data/", NOT_PUBLIC),
    ("http://168.63.129.16/metadata", NOT_PUBLIC),
    ("http://192.0.0.192/opc/v1/instance/", NOT_PUBLIC),
    ("http://192.0.2.1/", NOT_PUBLIC),
    ("http://198.51.100.7/", NOT_PUBLIC),
    ("http://203.0.113.9/", NOT_PUBLIC),
    ("http://192.88.99.1/", NOT_PUBLIC),
    ("http://198.18.0.1/", NOT_PUBLIC),
    ("http://224.0.0.1/", NOT_PUBLIC),
    ("http://240.0.0.1/", NOT_PUBLIC),
    ("http://255.255.255.255/", NOT_PUBLIC),
    # IPv4, as only some readers understand it
    ("http://2130706433/", BAD_HOST),
    ("http://017700000001/", BAD_HOST),
    ("http://0x7f000001/", BAD_HOST),
    ("http://0177.0.0.1/", BAD_HOST),
    ("http://0x7f.0.0.1/", BAD_HOST),
    ("http://0x7f.1/", BAD_HOST),
    ("http://0X7F.1/", BAD_HOST),
    ("http://127.1/", BAD_HOST),
    ("http://127.0.1/", BAD_HOST),
    ("http://0/", BAD_HOST),
    ("http://0x/", BAD_HOST),
    ("http://1.0x/", BAD_HOST),
    ("http://127.0.0.1./", BAD_HOST),
    ("http://127.000.000.001/", BAD_HOST),
    ("http://08.8.8.8/", BAD_HOST),
    ("http://256.256.256.256/", BAD_HOST),
    ("http://4294967296/", BAD_HOST),
    ("http://134744072/", BAD_HOST),
    ("http://8.8.8.8.8/", BAD_HOST),
    ("http://%31%32%37.0.0.1/", SHAPE),
    ("http://①②⑦.⓪.⓪.①/", NOT_PUBLIC),
    ("http://127。0。0。1/", NOT_PUBLIC),
    ("http://127．0．0．1/", NOT_PUBLIC),
    ("http://169｡254｡169｡254/", NOT_PUBLIC),
    ("http://１２７.1/", BAD_HOST),
    ("http://٠x7f.1/", BAD_HOST),
    # IPv6
    ("http://[::1]/", NOT_PUBLIC),
    ("http://[0:0:0:0:0:0:0:1]:8080/", NOT_PUBLIC),
    ("http://[::]/", NOT_PUBLIC),
    ("http://[::ffff:127.0.0.1]/", NOT_PUBLIC),
    ("http://[::ffff:7f00:1]/", NOT_PUBLIC),
    ("http://[::FFFF:169.254.169.254]/", NOT_PUBLIC),
    ("http://[::ffff:8.8.8.8]/", NOT_PUBLIC),
    ("http://[::ffff:0:127.0.0.1]/", NOT_PUBLIC),
    ("http://[::127.0.0.1]/", NOT_PUBLIC),
    ("http://[64:ff9b::127.0.0.1]/", NOT_PUBLIC),
    ("http://[64:ff9b::a9fe:a9fe]/", NOT_PUBLIC),
    ("http://[64:ff9b:1::8.8.8.8]/", NOT_PUBLIC),
    ("http://[2002:7f00:1::]/", NOT_PUBLIC),
    ("http://[2002:c0a8:101::1]/", NOT_PUBLIC),
    ("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", NOT_PUBLIC),
    ("http://[2606:4700::5efe:7f00:1]/", NOT_PUBLIC),
    ("http://[2606:4700::200:5efe:10.0.0.1]/", NOT_PUBLIC),
    ("http://[fe80::1]/", NOT_PUBLIC),
    ("http://[febf::1]/", NOT_PUBLIC),
    ("http://[fec0::1]/", NOT_PUBLIC),
    ("http://[fc00::1]/", NOT_PUBLIC),
    ("http://[fd00:ec2::254]/latest/meta-data/", NOT_PUBLIC),
    ("http://[ff02::1]/", NOT_PUBLIC),
    ("http://[100::1]/", NOT_PUBLIC),
    ("http://[2001:db8::1]/", NOT_PUBLIC),
    ("http://[3fff::1]/", NOT_PUBLIC),
    ("http://[5f00::1]/", NOT_PUBLIC),
    ("http://[fe80::1%25eth0]/", SHAPE),
    ("http://[fe80::1%eth0]/", SHAPE),
    ("http://[::1%25lo]/", SHAPE),
    ("http://[::1/", SHAPE),
    ("http://::1/", SHAPE),
    ("http://[::1].evil.com/", SHAPE),
    ("http://[127.0.0.1]/", INVALID),
    ("http://[v1.a]/", SHAPE),
    # Names that are never public
    ("http://localhost/", BAD_HOST),
    ("http://LOCALHOST/", BAD_HOST),
    ("http://localhost./", BAD_HOST),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", BAD_HOST),
    ("http://a.localhost/", BAD_HOST),
    ("http://localhost.localdomain/", BAD_HOST),
    ("http://metadata/", BAD_HOST),
    ("http://metadata.google.internal/computeMetadata/v1/", BAD_HOST),
    ("http://instance-data.ec2.internal/", BAD_HOST),
    ("http://printer.local/", BAD_HOST),
    ("http://printer.LOCAL/", BAD_HOST),
    ("http://router.home.arpa/", BAD_HOST),
    ("http://wiki.intranet/", BAD_HOST),
    ("http://redis/", BAD_HOST),
    ("http://hidden.onion/", BAD_HOST),
    ("http://a..clinic.com/", BAD_HOST),
    ("http://.clinic.com/", BAD_HOST),
    ("http://-a.clinic.com/", BAD_HOST),
    ("http://a,b.com/", BAD_HOST),
    (f"http://{'a' * 64}.com/", BAD_HOST),
    (f"http://{'a.' * 127}com/", BAD_HOST),
    # Who is the host, and who the user?
    ("http://clinic.com@127.0.0.1/", SHAPE),
    ("http://clinic.com:80@127.0.0.1/", SHAPE),
    ("http://user:secret@93.184.216.34/", SHAPE),
    ("http://@93.184.216.34/", SHAPE),
    ("http://:@93.184.216.34/", SHAPE),
    ("http://93.184.216.34#@127.0.0.1/", SHAPE),
    ("http://93.184.216.34?@127.0.0.1/", SHAPE),
    ("http://93.184.216.34:80:80/", SHAPE),
    ("http://93.184.216.34%00.clinic.com/", SHAPE),
    ("http://93.184.216.34%2f@127.0.0.1/", SHAPE),
    ("http://127.0.0.1／.clinic.com/", INVALID),
    ("http://clinic.com\\@127.0.0.1/", UNCLEAN),
    ("http:\\\\127.0.0.1\\", UNCLEAN),
    ("http://127.0.0.1\t/", UNCLEAN),
    ("http://127.0.0\n.1/", UNCLEAN),
    ("http://93.184.216.34/\r\nHost: 127.0.0.1", UNCLEAN),
    ("http://93.184.216.34 &@127.0.0.1/", UNCLEAN),
    (" http://93.184.216.34/", UNCLEAN),
    ("http://93.184.216.34/\x00", UNCLEAN),
    ("http://93.184.216.34/\x7f", UNCLEAN),
    ("http://local\u00adhost/", UNCLEAN),
    ("http://local\u200bhost/", UNCLEAN),
    ("http://clinic.com/\u202egpj.mp3", UNCLEAN),
    # Ports
    ("http://93.184.216.34:22/", PORT),
    ("http://93.184.216.34:0/", PORT),
    ("http://93.184.216.34:6379/", PORT),
    ("http://93.184.216.34:65535/", PORT),
    ("http://93.184.216.34:65616/", INVALID),
    ("http://93.184.216.34:/", SHAPE),
    ("http://93.184.216.34:-80/", SHAPE),
    ("http://93.184.216.34:0x50/", SHAPE),
    ("http://93.184.216.34:٨٠/", SHAPE),
    # Schemes
    ("file:///etc/passwd", SCHEME),
    ("file://localhost/etc/passwd", SCHEME),
    ("FILE:///etc/passwd", SCHEME),
    ("ftp://93.184.216.34/a.mp3", SCHEME),
    ("gopher://127.0.0.1:6379/_INFO", SCHEME),
    ("dict://127.0.0.1:11211/stats", SCHEME),
    ("data:audio/mpeg;base64,AAAA", SCHEME),
    ("javascript:alert(1)", SCHEME),
    ("jar:http://127.0.0.1/a.jar!/", SCHEME),
    ("ws://93.184.216.34/", SCHEME),
    ("unix:///var/run/docker.sock", SCHEME),
    ("url:http://127.0.0.1/", SCHEME),
    ("ｈttp://127.0.0.1/", SCHEME),
    ("//93.184.216.34/a.mp3", SCHEME),
    ("/etc/passwd", SCHEME),
    ("a.mp3", SCHEME),
    ("clinic.com/a.mp3", SCHEME),
    ("http:93.184.216.34", SCHEME),
    ("http:/93.184.216.34/", SCHEME),
    ("http://", SHAPE),
    ("http:///etc/passwd", SHAPE),
    ("https://?a=1", SHAPE),
    ("", SCHEME),
]


@pytest.fixture
def names() -> Names:
    return Names(evil_com=[["127.0.0.1"]], clinic_com=[[PUBLIC]], other_com=[["2606:4700:4700::1111"]])


@pytest.fixture
def rules(names: Names) -> Rules:
    """Production's rules; only the answers of the DNS are the test's."""
    return replace(STRICT, resolve=names)


@pytest.mark.parametrize("field", ["media_urls", "audio_urls"])
@pytest.mark.parametrize(("url", "reason"), ATTACKS)
async def test_an_attack_is_refused_by_name_and_looks_nothing_up(
    url: str, reason: str, field: str, rules: Rules, names: Names
) -> None:
    with pytest.raises(ApiError) as error:
        await check_urls([url], field=field, rules=rules)

    assert error.value.as_dict() == refused(url, reason, named_field=field)
    assert error.value.error.status == 400
    assert names.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic.com",
        "https://clinic.com/a.mp3",
        "HTTPS://CLINIC.COM/a.mp3",
        "https://clinic.com:8443/a%20b.mp3?X-Signature=a%2Fb&who=me@clinic.com#t=1",
        "https://clinic.com/~me@home/canción.mp3",
        "https://clinic.com?id=1",
        f"http://{PUBLIC}:8080/a.mp3",
        "https://[2606:4700:4700::1111]/a.jpg",
        "https://[64:ff9b::8.8.8.8]/a.jpg",
        "https://other.com/" + "a" * (2048 - 18),
        "https://clinic。com/a.jpg",
    ],
)
async def test_a_public_address_is_taken(url: str, rules: Rules) -> None:
    await check_urls([url], field="media_urls", rules=rules)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["64:ff9b::7f00:1"],
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "2606:4700:4700::1111", "fe80::1"],
        [],
    ],
)
async def test_every_address_of_a_name_must_be_public(addresses: list[str], rules: Rules, names: Names) -> None:
    names.answers["rebound.com"] = [addresses]

    with pytest.raises(ApiError) as error:
        await check_urls(["https://rebound.com/a.mp3"], field="audio_urls", rules=rules)

    assert error.value.as_dict() == refused("https://rebound.com/a.mp3", NOT_PUBLIC)


async def test_the_first_bad_one_of_several_is_named(rules: Rules) -> None:
    urls = ["https://clinic.com/1", "http://evil.com/2", "file:///3"]

    with pytest.raises(ApiError) as error:
        await check_urls(urls, field="media_urls", rules=rules)

    assert error.value.as_dict() == refused("http://evil.com/2", NOT_PUBLIC, named_field="media_urls")


async def test_at_most_five_are_taken(rules: Rules, names: Names) -> None:
    urls = [f"https://clinic.com/{number}" for number in range(7)]

    await check_urls(urls[:5], field="media_urls", rules=rules)
    await check_urls([], field="media_urls", rules=rules)
    names.asked.clear()
    with pytest.raises(ApiError) as error:
        await check_urls(urls, field="media_urls", rules=rules)

    assert error.value.as_dict() == refused("https://clinic.com/5", "At most 5 are taken.", named_field="media_urls")
    assert names.asked == []


async def test_a_long_one_is_refused_and_named_in_part(rules: Rules) -> None:
    url = "https://clinic.com/" + "a" * 5000

    with pytest.raises(ApiError) as error:
        await check_urls([url], field="audio_urls", rules=rules)

    assert error.value.as_dict() == refused(url[:2048], "It is longer than 2048 characters.")


@pytest.mark.parametrize(("url", "shown"), [(5, "5"), (None, "None"), (["http://clinic.com"], "['http://clinic.com']")])
async def test_what_is_not_text_is_refused(url: Any, shown: str, rules: Rules) -> None:
    with pytest.raises(ApiError) as error:
        await check_urls([url], field="audio_urls", rules=rules)

    assert error.value.as_dict() == refused(shown, "It is not text.")


async def test_half_a_character_is_refused_with_a_body_that_can_be_sent(rules: Rules) -> None:
    with pytest.raises(ApiError) as error:
        await check_urls(["https://clinic.com/\ud800"], field="audio_urls", rules=rules)

    assert error.value.as_dict() == refused("https://clinic.com/?", UNCLEAN)


async def test_a_name_that_never_answers_is_refused(rules: Rules) -> None:
    async def never(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    with pytest.raises(ApiError) as error:
        await check_urls(
            ["https://clinic.com/"], field="audio_urls", rules=replace(rules, resolve=never, lookup_seconds=0.05)
        )

    assert error.value.as_dict() == refused("https://clinic.com/", NOT_PUBLIC)


async def test_the_systems_own_names_are_not_trusted_either() -> None:
    """The real resolver: `localhost` is refused by name, and what it resolves to would be refused as well."""
    found = await resolve_name("localhost")

    assert found
    assert not any(is_public(ip_address(address)) for address in found)


async def test_a_name_without_an_address_has_none() -> None:
    assert await resolve_name("nowhere.invalid") == ()
    assert await resolve_name("a" * 64 + ".com") == ()


async def test_the_loop_goes_on_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def slow(*args: Any, **kwargs: Any) -> list[Any]:
        release.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 0))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    lookup = asyncio.create_task(resolve_name("clinic.com"))
    await asyncio.sleep(0)
    assert not lookup.done()
    release.set()

    assert await lookup == (PUBLIC,)


async def test_the_rules_of_production_are_the_default() -> None:
    assert Rules() == STRICT
    assert STRICT.is_public is is_public
    with pytest.raises(ApiError, match="URL_REFUSED"):
        await check_urls(["http://127.0.0.1/"], field="media_urls")


async def test_logs_tell_the_host_and_nothing_of_the_rest(rules: Rules, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError):
        await check_urls(["http://evil.com/path-secret?token=query-secret"], field="audio_urls", rules=rules)
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError):
        await check_urls(["http://name-secret:word-secret@evil.com/"], field="audio_urls", rules=rules)

    assert "evil.com" in caplog.text
    assert "secret" not in caplog.text
