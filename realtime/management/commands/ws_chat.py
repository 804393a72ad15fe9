"""`ws_chat`: ask about a patient's record from a terminal; `--test` checks a running server."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from getpass import getpass
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from healthmate.common.text import printable
from realtime.client import Client, ClientError, Frame, log_in, opened

STATUSES = ["searching_patient", "vector_search", "building_context", "generating"]
UNAUTHORIZED = 4401
QUESTION = "¿Qué medicamentos toma el paciente?"


class Command(BaseCommand):
    """Interactive unless `--question` or `--test` is given."""

    help = "Talk to the clinicians' WebSocket of a running server: log in, choose a patient, ask, watch the tokens."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where, who, about whom."""
        url = f"ws://127.0.0.1:{settings.PORT}/ws/chat"
        parser.add_argument("--url", default=url, help="address of the socket (default: %(default)s)")
        parser.add_argument("--email", help="of a user who may read records; asked for when left out")
        parser.add_argument("--password", help="asked for when left out")
        parser.add_argument("--document-type", type=int, default=8, help="1 CC, 8 CD, ... (default: %(default)s)")
        parser.add_argument("--document-number", help="of the patient; asked for when left out, but for --test")
        parser.add_argument("--question", help="ask this and leave")
        parser.add_argument("--test", action="store_true", help="check streaming, ping/pong and authentication")

    def handle(self, *args: Any, **options: Any) -> None:
        """Talk, or check. Raises CommandError (exit code 1) when the server is not as it should be."""
        try:
            token = log_in(
                options["url"],
                email=options["email"] or input("Email: "),
                password=options["password"] or getpass("Password: "),
            )
            if options["test"]:
                self._test(token, options)
            else:
                self._talk(token, options)
        except ClientError as error:
            raise CommandError(printable(str(error))) from error
        except (EOFError, KeyboardInterrupt):
            self.stdout.write("")

    # --- Talking --------------------------------------------------------------------------------------

    def _talk(self, token: str, options: dict[str, Any]) -> None:
        kind, number = options["document_type"], options["document_number"] or input("Document number: ").strip()
        with opened(options["url"], token=token) as client:
            self._show(client.receive())
            if options["question"]:
                last = self._ask(client, kind, number, options["question"])
                if last["type"] == "error":
                    raise CommandError("The question was not answered.")
                return
            self.stdout.write(
                "Ask away. Ctrl+C stops an answer; /patient TYPE NUMBER chooses another patient; an empty line leaves."
            )
            while question := input(f"\n[{kind} {printable(number)}]> ").strip():
                if question.startswith("/patient"):
                    kind, number = self._patient(question, kind, number)
                else:
                    self._ask(client, kind, number, question)

    def _patient(self, command: str, kind: int, number: str) -> tuple[int, str]:
        match command.split():
            case [_, new_kind, *rest] if new_kind.isdigit() and rest:
                return int(new_kind), " ".join(rest)
            case [_, new_number]:
                return kind, new_number
            case _:
                self.stdout.write("Write for example: /patient 8 30995750")
                return kind, number

    def _ask(self, client: Client, kind: int, number: str, question: str) -> Frame:
        frame: Frame = {}
        for frame in client.ask(document_type=kind, document_number=number, question=question):
            self._show(frame)
        return frame

    def _show(self, frame: Frame) -> None:
        match frame["type"]:
            case "token":
                self.stdout.write("\n".join(map(printable, frame["token"].split("\n"))), ending="")
                self.stdout.flush()
            case "status" | "connected":
                self.stdout.write(self.style.HTTP_INFO(printable(frame["message"])))
            case "stream_start" | "stream_end":
                self.stdout.write("")
            case "complete":
                self.stdout.write("\n".join(map(printable, _report(frame))))
            case "error":
                self.stdout.write(self.style.ERROR(printable(f"{frame['error']['code']}: {frame['error']['message']}")))

    # --- Checking -------------------------------------------------------------------------------------

    def _test(self, token: str, options: dict[str, Any]) -> None:
        number = options["document_number"] or "30995750"
        checks: dict[str, Callable[[], Iterator[str]]] = {
            "authentication": lambda: _check_authentication(options["url"], token),
            "ping/pong": lambda: _check_ping(options["url"], token),
            "streaming": lambda: _check_streaming(options["url"], token, options["document_type"], number),
        }
        failed = 0
        for name, check in checks.items():
            problems = list(_problems(check()))
            failed += bool(problems)
            said = self.style.ERROR("FAILED") if problems else self.style.SUCCESS("ok")
            self.stdout.write("\n".join([f"{name}: {said}", *(f"  {printable(problem)}" for problem in problems)]))
        if failed:
            raise CommandError(f"{failed} of {len(checks)} checks failed.")


def _report(frame: Frame) -> Iterator[str]:
    answer, metadata = frame["answer"], frame["metadata"]
    for citation in answer["citations"]:
        first, *_ = citation["text"].splitlines() or [""]
        yield f"  {citation['marker']} {citation['date'] or 'no date'}  {first}"
    used, analyzed = metadata["vector_chunks_used"], metadata["total_records_analyzed"]
    who = answer["model_used"] or "unfinished"
    yield f"  confidence {answer['confidence']:.2f} · {who} · {used} pieces out of {analyzed} records"
    if frame["flags"]:
        yield f"  {', '.join(frame['flags'])}"


def _problems(check: Iterator[str]) -> Iterator[str]:
    try:
        yield from check
    except ClientError as error:
        yield str(error)


def _check_authentication(url: str, token: str) -> Iterator[str]:
    for name, bad in (("no token", ""), ("a forged token", f"{token}x")):
        with opened(url, token=bad) as client:
            frame = client.receive()
            if frame.get("error", {}).get("code") != "UNAUTHORIZED":
                yield f"with {name} the server says {frame}"
            elif (code := client.close_code()) != UNAUTHORIZED:
                yield f"with {name} the server closes with {code}"


def _check_ping(url: str, token: str) -> Iterator[str]:
    with opened(url, token=token) as client:
        if (frame := client.receive())["type"] != "connected":
            yield f"there is no welcome but {frame}"
            return
        client.send({"type": "ping"})
        if (frame := client.receive()) != {"type": "pong"}:
            yield f"a ping is answered with {frame}"


def _check_streaming(url: str, token: str, kind: int, number: str) -> Iterator[str]:
    with opened(url, token=token) as client:
        client.receive()
        session_id = str(uuid4())
        asking = client.ask(document_type=kind, document_number=number, question=QUESTION, session_id=session_id)
        frames = list(asking)
    last = frames[-1]
    if last["type"] == "error":
        yield f"{last['error']['code']}: {last['error']['message']}"
        return
    statuses = [frame["status"] for frame in frames if frame["type"] == "status"]
    if statuses != STATUSES:
        yield f"the statuses are {statuses}"
    kinds = [frame["type"] for frame in frames]
    before, after = ["status"] * len(STATUSES) + ["stream_start"], ["stream_end", "complete"]
    tokens = len(kinds) - len(before) - len(after)
    if kinds != [*before, *["token"] * max(tokens, 1), *after]:
        yield f"the frames come as {kinds}"
    if "".join(frame["token"] for frame in frames if frame["type"] == "token") != last["answer"]["text"]:
        yield "the tokens are not the answer"
    if not last["answer"]["text"].strip():
        yield "the answer is empty"
    if strange := {str(frame.get("session_id")) for frame in frames} - {session_id}:
        yield f"frames are of the sessions {sorted(strange)} and not of {session_id}"
    if (numbers := [frame.get("seq") for frame in frames]) != list(range(1, len(frames) + 1)):
        yield f"the frames are numbered {numbers}"
