"""Who may open a socket, how they say who they are, and when a socket is closed on them."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import time_machine
from websockets.exceptions import InvalidStatus

from healthmate.accounts import services
from healthmate.accounts.models import TokenFamily, User
from patients.models import Patient
from tests.conftest import LiveServer
from tests.realtime.conftest import Socket, question

OpenSocket = Callable[..., Socket]
TokenOf = Callable[[User], str]


def refusal(socket: Socket) -> tuple[str, int]:
    """The code that is told, and the code with which the socket is closed."""
    (frame,), close_code = socket.end()
    assert frame["type"] == "error"
    return frame["error"]["code"], close_code


def test_there_are_four_ways_to_say_who_one_is(
    clinician: User, token_of: TokenOf, open_socket: OpenSocket, http: httpx.Client
) -> None:
    token = token_of(clinician)
    headers = {"Authorization": f"Bearer {token}"}
    ticket = http.post("/auth/ws-ticket", headers=headers).json()["ticket"]
    sockets = [
        open_socket(f"?token={token}"),
        open_socket(f"?ticket={ticket}"),
        open_socket(additional_headers=headers),
        open_socket(subprotocols=["bearer", token]),
        open_socket(f"?token={token}", path="/ws/chat/"),
    ]

    for socket in sockets:
        welcome = {
            "type": "connected",
            "user_id": str(clinician.pk),
            "message": "✅ Conectado exitosamente al chat médico",
        }
        assert socket.receive() == welcome
        socket.ping()
    assert [socket.connection.subprotocol for socket in sockets] == [None, None, None, "bearer", None]
    assert refusal(open_socket(f"?ticket={ticket}")) == ("UNAUTHORIZED", 4401)  # a ticket is good once


def test_who_is_nobody_is_told_so_before_the_socket_closes(open_socket: OpenSocket) -> None:
    nobody: list[dict[str, Any]] = [
        {},
        {"query": "?token="},
        {"query": "?token=x"},
        {"query": "?ticket=x"},
        {"additional_headers": {"Authorization": "Bearer x"}},
        {"additional_headers": {"Authorization": "Basic dXNlcjpwYXNz"}},
        {"subprotocols": ["bearer"]},
        {"subprotocols": ["bearer", "x.y.z"]},
    ]
    for options in nobody:
        assert refusal(open_socket(**options)) == ("UNAUTHORIZED", 4401), options


def test_what_is_said_first_counts(clinician: User, token_of: TokenOf, open_socket: OpenSocket) -> None:
    headers = {"Authorization": "Bearer x"}
    socket = open_socket(f"?token={token_of(clinician)}", additional_headers=headers)

    assert refusal(socket) == ("UNAUTHORIZED", 4401)


def test_a_refusal_is_in_the_clients_language(open_socket: OpenSocket) -> None:
    frames, _ = open_socket(additional_headers={"Accept-Language": "en"}).end()

    assert frames[0]["error"]["message"] == "Log in first: send `Authorization: Bearer <token>`."


def test_who_may_not_read_records_is_refused(
    make_user: Callable[..., User], token_of: TokenOf, open_socket: OpenSocket
) -> None:
    patient = make_user("laura@correo.example", may_read=False)

    assert refusal(open_socket(f"?token={token_of(patient)}")) == ("FORBIDDEN", 4403)


def test_pages_of_strangers_open_no_sockets(
    clinician: User, token_of: TokenOf, open_socket: OpenSocket, settings: Any
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://clinic.example"]
    address = f"?token={token_of(clinician)}"

    for origin in ("http://localhost:5000", "https://clinic.example", "https://CLINIC.example"):
        assert open_socket(address, additional_headers={"Origin": origin}).receive()["type"] == "connected", origin
    strangers = ("http://clinic.example", "https://evil.example", "https://localhost.evil.example")
    for origin in (*strangers, "null", "http://[", ""):
        assert refusal(open_socket(address, additional_headers={"Origin": origin})) == ("FORBIDDEN", 4403), origin


def test_a_socket_is_closed_when_its_token_expires(
    clinician: User, token_of: TokenOf, open_socket: OpenSocket, settings: Any
) -> None:
    nearly_over = dt.datetime.now(dt.UTC) - settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"] + dt.timedelta(seconds=2)
    with time_machine.travel(nearly_over):
        token = token_of(clinician)
    socket = open_socket(f"?token={token}")

    frames, close_code = socket.end()

    assert [frame["type"] for frame in frames] == ["connected", "error"]
    assert (frames[-1]["error"]["code"], close_code) == ("UNAUTHORIZED", 4401)
    assert refusal(open_socket(f"?token={token}")) == ("UNAUTHORIZED", 4401)


def test_a_socket_of_a_ticket_is_closed_when_the_token_expires(
    clinician: User, token_of: TokenOf, open_socket: OpenSocket, http: Any, settings: Any
) -> None:
    nearly_over = dt.datetime.now(dt.UTC) - settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"] + dt.timedelta(seconds=2)
    with time_machine.travel(nearly_over):
        token = token_of(clinician)
    answer = http.post("/auth/ws-ticket", headers={"Authorization": f"Bearer {token}"}).json()
    assert 0 < answer["expires_in"] <= 2

    socket = open_socket(f"?ticket={answer['ticket']}")
    assert socket.receive()["type"] == "connected"
    assert refusal(socket) == ("UNAUTHORIZED", 4401)


def test_who_logs_out_asks_no_more(socket: Socket, clinician: User, record: int) -> None:
    services.revoke_families(family_ids=list(TokenFamily.objects.values_list("pk", flat=True)))
    socket.ping()
    socket.send(question())

    assert refusal(socket) == ("UNAUTHORIZED", 4401)


def test_who_loses_the_permission_asks_no_more(socket: Socket, clinician: User, record: int) -> None:
    clinician.user_permissions.clear()
    socket.send({"type": "resume", "session_id": "any"})

    assert refusal(socket) == ("FORBIDDEN", 4403)
    assert Patient.objects.get().access_events.count() == 0


def test_a_user_has_so_many_sockets_open_and_no_more(
    make_user: Callable[..., User], token_of: TokenOf, open_socket: OpenSocket, settings: Any, server: LiveServer
) -> None:
    settings.RATE_SOCKETS = "2"
    first, other = make_user(), make_user("otra@clinic.example")
    sockets = [open_socket(f"?token={token_of(first)}") for _ in range(2)]
    assert [socket.receive()["type"] for socket in sockets] == ["connected", "connected"]

    assert refusal(open_socket(f"?token={token_of(first)}")) == ("RATE_LIMITED", 4429)
    assert open_socket(f"?token={token_of(other)}").receive()["type"] == "connected"
    sockets[0].connection.close()
    while open_socket(f"?token={token_of(first)}").receive()["type"] != "connected":
        pass  # the server gives the place back once it has heard of the end


def test_there_is_one_address_for_sockets(open_socket: OpenSocket) -> None:
    for path in ("/", "/ws", "/ws/chat/x", "/chat/stream"):
        with pytest.raises(InvalidStatus) as refused:
            open_socket(path=path)
        assert refused.value.response.status_code == 404, path
    with pytest.raises(InvalidStatus) as refused:
        open_socket(f"?token={'x' * 9000}")
    assert refused.value.response.status_code == 414
