"""Fetching a recording over real sockets: only from what was checked, only so much, only so long."""

import asyncio
import datetime
import gzip
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chat.media import Audio, Rules, fetch_audio
from healthmate.common.errors import ApiError
from tests.chat.media.conftest import HERE, PUBLIC, Names, Site, refused, response

RECORDING = b"ID3" + bytes(range(256)) * 40
ELSEWHERE = "It redirects to somewhere that is not taken."
NO_ANSWER = "It could not be fetched."
TOO_LARGE = "It is larger than 1000 bytes."
TOO_LONG = "Fetching it took too long."

MakeRules = Callable[..., Rules]


async def refusal_of(url: str, rules: Rules) -> ApiError:
    with pytest.raises(ApiError) as error:
        await fetch_audio(url, rules=rules)
    assert error.value.error.status == 400
    return error.value


async def test_a_recording_comes_whole(site: Site, rules_for: MakeRules, names: Names) -> None:
    site.pages["/a.mp3"] = response(RECORDING)

    audio = await fetch_audio(site.url("/a.mp3?token=1"), rules=rules_for(site))

    assert audio == Audio(content=RECORDING, filename="recording.mp3", content_type="audio/mpeg")
    assert names.asked == ["media.clinic.com"]


async def test_the_request_names_the_host_and_carries_nothing_of_ours(site: Site, rules_for: MakeRules) -> None:
    site.pages["/a.mp3"] = response(RECORDING)

    await fetch_audio(site.url("/a.mp3?token=1"), rules=rules_for(site))

    [head] = site.heads
    assert head.splitlines()[0] == "GET /a.mp3?token=1 HTTP/1.1"
    assert sorted(line.lower() for line in head.splitlines()[1:] if line) == [
        "accept-encoding: identity",
        "accept: audio/*",
        "connection: close",
        f"host: media.clinic.com:{site.port}",
        "user-agent: healthmate",
    ]


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    site: Site, rules_for: MakeRules, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine media.clinic.com login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.pages["/a.mp3"] = response(RECORDING)

    assert (await fetch_audio(site.url("/a.mp3"), rules=rules_for(site))).content == RECORDING
    assert "authorization" not in site.heads[0].lower()


async def test_a_literal_address_is_fetched_without_a_lookup(site: Site, rules_for: MakeRules, names: Names) -> None:
    site.pages["/a.mp3"] = response(RECORDING)

    assert (await fetch_audio(site.url("/a.mp3", host=HERE), rules=rules_for(site))).content == RECORDING
    assert names.asked == []


@pytest.mark.parametrize(
    ("content_type", "path", "filename"),
    [
        ("audio/ogg; codecs=opus", "/voice", "recording.ogg"),
        ("application/ogg", "/voice", "recording.ogg"),
        ("video/webm", "/voice", "recording.webm"),
        ("video/mp4", "/voice.bin", "recording.mp4"),
        ("AUDIO/X-WAV", "/voice.mp3", "recording.wav"),
        ("audio/x-of-nobody", "/voice.AMR", "recording.amr"),
        ("audio/x-of-nobody", "/..%2f..%2fetc%2fpasswd.a%00b", "recording.audio"),
        ("audio/x-of-nobody", "/voice", "recording.audio"),
    ],
)
async def test_the_name_goes_by_the_type(
    content_type: str, path: str, filename: str, site: Site, rules_for: MakeRules
) -> None:
    site.pages[path] = site.pages[path.replace("%2f", "%2F")] = response(RECORDING, content_type=content_type)

    audio = await fetch_audio(site.url(path), rules=rules_for(site))

    assert (audio.filename, audio.content) == (filename, RECORDING)
    assert audio.content_type == content_type.partition(";")[0].lower()


# --- Where it may go ----------------------------------------------------------------------------------


async def test_production_refuses_this_machine(site: Site) -> None:
    site.pages["/a.mp3"] = response(RECORDING)
    url = f"http://{HERE}:{site.port}/a.mp3"

    with pytest.raises(ApiError, match="URL_REFUSED"):
        await fetch_audio(url)
    with pytest.raises(ApiError) as error:
        await fetch_audio(url, rules=Rules(ports=frozenset({site.port})))

    assert error.value.as_dict() == refused(url, "Its host is not on the public internet.")
    assert site.heads == []


async def test_a_name_is_resolved_once_and_cannot_change_its_mind(
    site: Site, rules_for: MakeRules, names: Names
) -> None:
    """Rebinding: were the name asked again for the connection, it would lead to 127.0.0.2."""
    names.answers["rebound.com"] = [[HERE], ["127.0.0.2"]]
    site.pages["/a.mp3"] = response(RECORDING)

    audio = await fetch_audio(site.url("/a.mp3", host="rebound.com"), rules=rules_for(site))

    assert audio.content == RECORDING
    assert names.asked == ["rebound.com"]


async def test_a_name_that_turns_private_between_two_fetches_is_refused(
    site: Site, rules_for: MakeRules, names: Names
) -> None:
    names.answers["rebound.com"] = [[HERE], ["10.0.0.1"]]
    site.pages["/a.mp3"] = response(RECORDING)
    url = site.url("/a.mp3", host="rebound.com")

    await fetch_audio(url, rules=rules_for(site))
    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, "Its host is not on the public internet.")
    assert len(site.heads) == 1


async def test_the_next_address_of_a_name_is_tried(site: Site, rules_for: MakeRules, names: Names) -> None:
    """Nobody listens on IPv6's; both were checked, so either may be used."""
    names.answers["media.clinic.com"] = [["2606:4700:4700::1111", HERE]]
    site.pages["/a.mp3"] = response(RECORDING)

    assert (await fetch_audio(site.url("/a.mp3"), rules=rules_for(site))).content == RECORDING


# --- Redirects ----------------------------------------------------------------------------------------


def redirect(location: str, status: str = "302 Found") -> bytes:
    return response(status=status, location=location)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_followed_each_checked(status: str, site: Site, rules_for: MakeRules, names: Names) -> None:
    names.answers["cdn.clinic.com"] = [[HERE]]
    site.pages["/a"] = response(status=status, location="/b?c=d", set_cookie="session=secret; Path=/")
    site.pages["/b"] = redirect(site.url("/c", host="cdn.clinic.com"))
    site.pages["/c"] = redirect(f"//{HERE}:{site.port}/d")
    site.pages["/d"] = response(RECORDING)

    audio = await fetch_audio(site.url("/a"), rules=rules_for(site))

    assert audio.content == RECORDING
    assert [head.split()[1] for head in site.heads] == ["/a", "/b?c=d", "/c", "/d"]
    assert names.asked == ["media.clinic.com", "media.clinic.com", "cdn.clinic.com"]
    assert "secret" not in "".join(site.heads)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "//192.168.0.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://localhost/",
        "http://evil.com/",
        "http://mixed.com/",
        "http://nowhere.com/",
        "http://93.184.216.34:22/",
        "http://user:password@93.184.216.34/",
        "http://93.184.216.34\\@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://93.184.216.34/",
        "gopher://127.0.0.1:6379/_INFO",
        "data:audio/mpeg;base64,AAAA",
        "javascript:alert(1)",
        "http://[::1",
        "/" + "a" * 3000,
    ],
)
async def test_a_redirect_to_what_is_not_taken_is_not_followed(
    location: str, site: Site, rules_for: MakeRules, names: Names
) -> None:
    names.answers |= {"evil.com": [["127.0.0.2"]], "mixed.com": [[PUBLIC, "10.0.0.1"]]}
    site.pages["/a"] = redirect(location)
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, ELSEWHERE)
    assert len(site.heads) == 1


async def test_a_loop_of_redirects_ends(site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = redirect("/b")
    site.pages["/b"] = redirect("/a")
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, "It redirects more than 3 times.")
    assert len(site.heads) == 4


async def test_a_redirect_to_nowhere_is_an_answer_without_a_recording(site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = response(status="302 Found")
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, "Its server answered with status 302.")


# --- What comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "401 Unauthorized", "404 Not Found", "500 Oops"])
async def test_any_other_status_is_refused(status: str, site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = response(status=status)
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, f"Its server answered with status {status[:3]}.")


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/json", "image/png", "application/octet-stream", "video/avi", "audio", ""]
)
async def test_another_type_is_refused(content_type: str, site: Site, rules_for: MakeRules) -> None:
    site.pages["/a.mp3"] = response(RECORDING, content_type=content_type)
    url = site.url("/a.mp3")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, "It is not a recording but of another type.")


async def test_nothing_is_refused(site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = response()
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, "It is empty.")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "gzip, identity"])
async def test_a_compressed_answer_is_refused_unopened(encoding: str, site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = response(gzip.compress(bytes(10_000_000)), content_encoding=encoding)
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, "Its server sent it compressed, though asked not to.")


async def test_a_size_that_is_announced_is_refused_before_the_body(site: Site, rules_for: MakeRules) -> None:
    async def announce(writer: asyncio.StreamWriter) -> None:
        writer.write(response(content_length="1001"))
        await writer.drain()
        await writer.wait_closed()

    site.pages["/a"] = announce
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site, max_bytes=1000))

    assert error.as_dict() == refused(url, TOO_LARGE)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_size_that_is_not_announced_is_counted(chunked: bool, site: Site, rules_for: MakeRules) -> None:
    """An endless body: the server writes until it is cut off."""
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(response(content_length="", **({"transfer_encoding": "chunked"} if chunked else {})))
        while True:
            writer.write(b"400\r\n" + bytes(1024) + b"\r\n" if chunked else bytes(1024))
            await writer.drain()
            sent += 1024

    site.pages["/a"] = endless
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site, max_bytes=1000))

    assert error.as_dict() == refused(url, TOO_LARGE)
    await asyncio.wait_for(site.closed.wait(), 10)
    assert sent < 50_000_000  # what the system's socket buffers hold, not what the server would give


async def test_the_largest_that_is_taken_is_taken(site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = response(bytes(1000))
    site.pages["/b"] = response(bytes(1001), content_length="", connection="close")
    rules = rules_for(site, max_bytes=1000)

    assert len((await fetch_audio(site.url("/a"), rules=rules)).content) == 1000
    assert (await refusal_of(site.url("/b"), rules)).as_dict() == refused(site.url("/b"), TOO_LARGE)


@pytest.mark.parametrize(
    "answer",
    [
        b"nothing like HTTP\r\n\r\n",
        b"",
        response(content_length="many"),
        response(b"half", content_length="1000"),
        response(RECORDING, content_length="-1"),
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 10_000 + b"\r\n",
        response(b"zz\r\nnot chunks", content_length="", transfer_encoding="chunked"),
    ],
)
async def test_a_broken_answer_is_refused(answer: bytes, site: Site, rules_for: MakeRules) -> None:
    site.pages["/a"] = answer
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site))

    assert error.as_dict() == refused(url, NO_ANSWER)


async def test_nobody_there_is_refused(site: Site, rules_for: MakeRules) -> None:
    rules = rules_for(site)
    url = f"http://{HERE}:8443/a"  # allowed, and nobody listens there

    assert (await refusal_of(url, rules)).as_dict() == refused(url, NO_ANSWER)


# --- How long it may take -------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [b"", response(b"half", content_length="1000")])
async def test_a_server_that_falls_silent_is_left(begin: bytes, site: Site, rules_for: MakeRules) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        await writer.drain()
        await writer.wait_closed()

    site.pages["/a"] = silent
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site, fetch_seconds=0.2))

    assert error.as_dict() == refused(url, TOO_LONG)


async def test_a_server_that_drips_is_left(site: Site, rules_for: MakeRules) -> None:
    """Every byte in time, all of them never."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(response(content_length="1000000"))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    site.pages["/a"] = drip
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site, fetch_seconds=0.3))

    assert error.as_dict() == refused(url, TOO_LONG)


async def test_redirects_share_one_clock(site: Site, rules_for: MakeRules) -> None:
    async def slow_redirect(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(redirect("/a"))

    site.pages["/a"] = slow_redirect
    url = site.url("/a")

    error = await refusal_of(url, rules_for(site, fetch_seconds=0.3))

    assert error.as_dict() == refused(url, TOO_LONG)
    assert len(site.heads) == 2


# --- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for media.clinic.com, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media.clinic.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.clinic.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "site.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
async def tls_site(certificate: Path, make_site: Callable[..., Awaitable[Site]]) -> Site:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    site = await make_site(context)
    site.pages["/a"] = response(RECORDING)
    site.server_names = asked
    return site


async def test_tls_is_for_the_name_though_the_address_is_pinned(
    tls_site: Site, certificate: Path, rules_for: MakeRules
) -> None:
    trusting = ssl.create_default_context(cafile=certificate)

    audio = await fetch_audio(tls_site.url("/a", scheme="https"), rules=rules_for(tls_site, ssl_context=trusting))

    assert audio.content == RECORDING
    assert tls_site.server_names == ["media.clinic.com"]


async def test_a_certificate_for_another_name_is_refused(
    tls_site: Site, certificate: Path, rules_for: MakeRules, names: Names
) -> None:
    names.answers["other.com"] = [[HERE]]
    url = tls_site.url("/a", host="other.com", scheme="https")
    trusting = ssl.create_default_context(cafile=certificate)

    error = await refusal_of(url, rules_for(tls_site, ssl_context=trusting))

    assert error.as_dict() == refused(url, NO_ANSWER)
    assert tls_site.heads == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls_site: Site, rules_for: MakeRules) -> None:
    url = tls_site.url("/a", scheme="https")

    error = await refusal_of(url, rules_for(tls_site))

    assert error.as_dict() == refused(url, NO_ANSWER)
    assert tls_site.heads == []


async def test_a_redirect_out_of_tls_is_refused(
    tls_site: Site, site: Site, certificate: Path, rules_for: MakeRules
) -> None:
    tls_site.pages["/a"] = redirect(site.url("/b"))
    site.pages["/b"] = response(RECORDING)
    url = tls_site.url("/a", scheme="https")
    trusting = ssl.create_default_context(cafile=certificate)

    error = await refusal_of(url, rules_for(tls_site, site, ssl_context=trusting))

    assert error.as_dict() == refused(url, "It redirects from https to http.")
    assert site.heads == []


# --- Logs ---------------------------------------------------------------------------------------------


async def test_logs_tell_nothing_of_the_path_or_the_query(
    site: Site, rules_for: MakeRules, caplog: pytest.LogCaptureFixture
) -> None:
    site.pages["/path-secret"] = redirect("http://10.0.0.1/redirect-secret")

    with caplog.at_level(logging.DEBUG):
        await refusal_of(site.url("/path-secret?token=query-secret"), rules_for(site))

    assert "media.clinic.com" in caplog.text
    assert "secret" not in caplog.text
