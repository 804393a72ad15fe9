"""A real nginx with its default buffering in front: every token arrives before the next one exists."""

import contextlib
import datetime
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import Permission
from websockets.sync.client import connect

from healthmate.accounts.services import log_in
from tests.chat.conftest import test_tools
from tests.conftest import LiveServer
from tests.held_model import HeldModel

__all__ = ["test_tools"]

pytestmark = pytest.mark.usefixtures("test_tools")

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "deployment.md"
WORDS = ["Uno ", "dos ", "tres ", "cuatro ", "cinco."]
SESSIONS = "/api/chat/realtime/sessions"
MAIN = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
PLAIN = """
server {{
    listen {address};
    location / {{
        proxy_pass http://{upstream};
    }}
}}
"""


@dataclass
class Nginx:
    """A running nginx: where it is, how to believe it, what it has logged."""

    url: str
    folder: Path
    plain_url: str = ""
    trust: ssl.SSLContext | bool = True

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=30, **options)


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def run_nginx(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Start nginx with a site and wait until it listens."""
    executable = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if executable is None:
        pytest.skip("nginx is not installed: apt-get install nginx")
    running = []

    def run(site: str, address: str) -> None:
        (tmp_path / "site.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path, user=user))
        command = [executable, "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"]
        process = subprocess.Popen(command)
        running.append(process)
        host, port = address.split(":")
        while True:
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except ConnectionRefusedError:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.02)
            assert process.poll() is None, (tmp_path / "error.log").read_text()

    yield run
    for process in running:
        process.terminate()
        process.wait(10)


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 in the folder; what a client needs to believe it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(private)
    return ssl.create_default_context(cafile=folder / "fullchain.pem")


def documented_site(*, server: str, http: str, https: str, folder: Path) -> str:
    """The configuration in docs/deployment.md with this test's addresses and files, and nothing else changed."""
    site = re.search(r"```nginx\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)[1]
    for line, instead in [
        ("listen [::]:80;", ""),
        ("listen [::]:443 ssl http2;", ""),
        ("listen 80;", f"listen {http};"),
        ("listen 443 ssl http2;", f"listen {https} ssl http2;"),
        ("server 127.0.0.1:8000;", f"server {server};"),
        ("/etc/letsencrypt/live/clinic.example", str(folder)),
        ("/var/log/nginx", str(folder)),
        ("server_name clinic.example;", "server_name localhost;"),
    ]:
        assert line in site
        site = site.replace(line, instead)
    assert "buffering" not in site
    return site


@pytest.fixture
def documented(
    server: LiveServer, run_nginx: Callable[[str, str], None], settings: Any, tmp_path: Path
) -> Iterator[Nginx]:
    """nginx as docs/deployment.md has it, and the settings that go with it."""
    http, https = free_address(), free_address()
    trust = certificate(tmp_path)
    site = documented_site(server=urlsplit(server.url).netloc, http=http, https=https, folder=tmp_path)
    run_nginx(site, https)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.PROXIES_IN_FRONT = 1
    at = [f"{scheme}://localhost:{address.split(':')[1]}" for scheme, address in (("https", https), ("http", http))]
    return Nginx(at[0], tmp_path, at[1], trust)


@pytest.fixture
def plain(server: LiveServer, run_nginx: Callable[[str, str], None], tmp_path: Path) -> Nginx:
    """nginx with one line of its own: `proxy_pass`, which asks by HTTP/1.0."""
    address = free_address()
    run_nginx(PLAIN.format(address=address, upstream=urlsplit(server.url).netloc), address)
    return Nginx(f"http://{address}", tmp_path)


@pytest.fixture(params=["documented", "plain"])
def nginx(request: pytest.FixtureRequest) -> Nginx:
    return request.getfixturevalue(request.param)


@pytest.fixture
def model(settings: Any) -> Iterator[HeldModel]:
    """A model server that writes one word when it is let."""
    with HeldModel() as held:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = held.base_url(), f"sk-{uuid4()}"
        settings.LLM_STALL_TIMEOUT = 30
        yield held.tool_mode("off").reply("".join(WORDS))


def read_one_by_one(response: httpx.Response, model: HeldModel) -> list[dict[str, Any]]:
    """Read a stream whose next word is written only when the one before has arrived."""
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream")
    events = []
    model.allow()
    for line in response.iter_lines():
        if line.startswith("data: "):
            events.append(json.loads(line.removeprefix("data: ")))
            if events[-1].get("content"):
                model.allow()
    return events


def said(events: list[dict[str, Any]]) -> list[str]:
    return [event["content"] for event in events if event.get("content")]


def test_a_posted_stream_arrives_word_by_word(nginx: Nginx, model: HeldModel) -> None:
    with nginx.client() as client, client.stream("POST", "/chat/stream", json={"content": "Hola"}) as response:
        assert said(read_one_by_one(response, model)) == WORDS


def test_an_event_source_gets_word_by_word(nginx: Nginx, model: HeldModel) -> None:
    with nginx.client() as client:
        with client.stream("POST", "/chat/stream", json={"content": "Hola"}) as response:
            client.headers["X-Device-ID"] = response.headers["X-Device-ID"]
        with client.stream("GET", "/chat/stream", headers={"Accept": "text/event-stream"}) as response:
            events = read_one_by_one(response, model)

    assert said(events) == WORDS
    assert events[-1]["is_final"]


def test_a_session_streams_word_by_word(nginx: Nginx, model: HeldModel, django_user_model: Any) -> None:
    django_user_model.objects.create_user("someone@example.com", "a-good-password")
    with nginx.client() as client:
        login = client.post("/auth/login", json={"email": "someone@example.com", "password": "a-good-password"}).json()
        client.headers["Authorization"] = f"Bearer {login['access_token']}"
        session = client.post(SESSIONS, json={}).json()["id"]
        with client.stream("POST", f"{SESSIONS}/{session}/stream", json={"content": "Hola"}) as response:
            start, *pieces, done = read_one_by_one(response, model)

    assert (start["type"], said(pieces), done["type"]) == ("start", WORDS, "done")


def test_the_documented_nginx_tells_who_asks_and_logs_no_query(documented: Nginx, settings: Any) -> None:
    settings.RATE_ADDRESS = "2/min"
    with documented.client() as client:
        first = client.post("/chat/create", headers={"X-Forwarded-For": "203.0.113.1"})
        codes = [
            client.get("/chat/stream?token=secret", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
            for n in (2, 3)
        ]
        redirect = httpx.get(f"{documented.plain_url}/chat/x?y=z", headers={"Host": "localhost"})

    assert "Secure" in first.headers["Set-Cookie"]
    assert codes == [204, 429]
    assert (redirect.status_code, redirect.headers["Location"]) == (308, "https://localhost/chat/x?y=z")
    assert '"GET /chat/stream" 429' in (documented.folder / "healthmate.log").read_text()
    assert "secret" not in (documented.folder / "healthmate.log").read_text()


def test_a_websocket_passes_the_documented_nginx_and_its_token_is_not_logged(
    documented: Nginx, django_user_model: Any
) -> None:
    user = django_user_model.objects.create_user("elena@clinic.example", "a-good-password")
    user.user_permissions.add(Permission.objects.get(codename="view_clinicalrecord"))
    token = log_in(email=user.email, password="a-good-password").access_token
    address = f"{documented.url.replace('https', 'wss')}/ws/chat?token={token}"

    with connect(address, ssl=documented.trust, compression=None) as socket:
        connected = json.loads(socket.recv(timeout=30))
        socket.send('{"type": "ping"}')
        pong = json.loads(socket.recv(timeout=30))

    assert (connected["type"], pong) == ("connected", {"type": "pong"})
    assert all(token not in log.read_text() for log in documented.folder.glob("*.log"))
