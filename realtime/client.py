"""A small client of the clinicians' socket, for a terminal and for checks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from uuid import uuid4

from jsonschema import Draft202012Validator, ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

SCHEMAS = Path(__file__).parent / "schemas"
FROM_SERVER = frozenset(
    {"connected", "status", "stream_start", "token", "stream_end", "complete", "error", "pong"},
)
SECONDS = 90  # longer than any answer may take

Frame = dict[str, Any]


class ClientError(Exception):
    """The server cannot be reached, or said no; the text is for the person at the terminal."""


def log_in(url: str, *, email: str, password: str) -> str:
    """An access token from the server that the socket's address names. Raises ClientError."""
    at = urlsplit(url)
    request = Request(  # noqa: S310 - the scheme is one of two
        f"{'https' if at.scheme == 'wss' else 'http'}://{at.netloc}/auth/login",
        data=json.dumps({"email": email, "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            token: str = json.load(response)["access_token"]
            if not isinstance(token, str):
                raise TypeError("the access token is no text")
            return token
    except HTTPError as error:
        raise ClientError(_refusal(error)) from error
    except (URLError, OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise ClientError(f"{at.netloc} does not answer as HealthMate does: {error}") from error


@contextmanager
def opened(url: str, *, token: str) -> Iterator["Client"]:
    """A socket of this token's, closed at the end; who is refused is told over it. Raises ClientError."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with connect(url, additional_headers=headers, compression=None, open_timeout=SECONDS) as connection:
            yield Client(connection)
    except (InvalidURI, InvalidHandshake, OSError) as error:
        raise ClientError(f"{url} opens no socket: {error}") from error


class Client:
    """An open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, frame: Frame) -> None:
        """Send a frame. Raises ClientError when the server has closed."""
        try:
            self._connection.send(json.dumps(frame))
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    def receive(self) -> Frame:
        """The next frame, one that its JSON Schema allows.

        Raises ClientError when it is not, when the server has closed, or is silent for SECONDS.
        """
        try:
            return _frame_of(self._connection.recv(timeout=SECONDS))
        except ConnectionClosed as closed:
            raise _closed(closed) from closed
        except TimeoutError as silence:
            raise ClientError(f"The server said nothing for {SECONDS} s.") from silence

    def ask(
        self, *, document_type: int, document_number: str, question: str, session_id: str | None = None
    ) -> Iterator[Frame]:
        """The frames of a question, to its last; interrupted in between, the answer is cancelled and comes to its end.

        Raises ClientError.
        """
        session_id = session_id or str(uuid4())
        query = {"document_type_id": document_type, "document_number": document_number, "question": question}
        self.send({"type": "query", "session_id": session_id, **query})
        while True:
            try:
                frame = self.receive()
            except KeyboardInterrupt:
                self.send({"type": "cancel", "session_id": session_id})
                continue
            yield frame
            if frame["type"] in {"complete", "error"}:
                return

    def close_code(self) -> int | None:
        """The code with which the server closes, once it does. Raises ClientError when it does not."""
        try:
            self._connection.recv(timeout=SECONDS)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        except TimeoutError as silence:
            raise ClientError("The server does not close the socket.") from silence
        raise ClientError("The server goes on talking.")


def _frame_of(text: str | bytes) -> Frame:
    try:
        if isinstance(text, bytes):
            raise TypeError("a binary frame")
        frame: Frame = json.loads(text)
        if frame["type"] not in FROM_SERVER:
            raise ValueError(f"no such type: {frame['type']}")
        _schema(frame["type"]).validate(frame)
    except ValidationError as error:
        raise ClientError(f"The server sends a bad {frame['type']} frame: {error.message}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ClientError(f"The server sends what is no frame ({type(error).__name__}: {error}).") from error
    return frame


@cache
def _schema(kind: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _refusal(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The server answers {error.code}."


def _closed(closed: ConnectionClosed) -> ClientError:
    code = closed.rcvd.code if closed.rcvd else "none"
    return ClientError(f"The server has closed the socket (code {code}).")
