"""Clinicians, records to ask about, and a client that holds every frame it gets to its JSON Schema."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from jsonschema import Draft202012Validator, FormatChecker
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from healthmate.accounts import services
from healthmate.accounts.models import User
from patients.importer import import_path
from patients.models import ClinicalRecord, PatientIdentifier
from tests.chat.conftest import model_server
from tests.conftest import LiveServer

__all__ = ["model_server"]

Json = dict[str, Any]
PASSWORD = "a-long-enough-password"
SCHEMAS = {
    path.stem: Draft202012Validator(json.loads(path.read_text()), format_checker=FormatChecker())
    for path in (Path(__file__).resolve().parents[2] / "realtime" / "schemas").glob("*.json")
}
STATUSES = ["searching_patient", "vector_search", "building_context", "generating"]
CD = 8


def checked(raw: str | bytes) -> Json:
    """A frame of the server's, as its schema has it."""
    assert isinstance(raw, str)
    frame = json.loads(raw)
    SCHEMAS[frame["type"]].validate(frame)
    return frame


def question(text: str = "¿Qué medicamentos toma?", number: str = "30995750", **changes: Any) -> Json:
    return {
        "type": "query",
        "session_id": str(uuid4()),
        "document_type_id": CD,
        "document_number": number,
        "question": text,
        **changes,
    }


class Socket:
    """A clinician's socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, frame: Any) -> None:
        self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def receive(self) -> Json:
        return checked(self.connection.recv(timeout=30))

    def ask(self, **changes: Any) -> list[Json]:
        """All frames of a question, to its last."""
        frame = question(**changes)
        self.send(frame)
        return self.rest()

    def rest(self, *, until: tuple[str, ...] = ("complete", "error")) -> list[Json]:
        frames = [self.receive()]
        while frames[-1]["type"] not in until:
            frames.append(self.receive())
        return frames

    def ping(self) -> None:
        """It lives."""
        self.send({"type": "ping"})
        assert self.receive() == {"type": "pong"}

    def end(self) -> tuple[list[Json], int]:
        """What comes before the server closes, and the code it closes with."""
        frames: list[Json] = []
        with suppress(ConnectionClosed):
            while True:
                frames.append(self.receive())
        assert self.connection.close_code is not None
        return frames, self.connection.close_code


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Limits, tickets and places of one test are not those of the next."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def make_user(database: None) -> Callable[..., User]:
    """A user with a login; a clinician unless they may read nothing."""

    def make(email: str = "elena@clinic.example", *, may_read: bool = True) -> User:
        user = User.objects.create_user(email, PASSWORD)
        if may_read:
            user.user_permissions.add(Permission.objects.get(codename="view_clinicalrecord"))
        return user

    return make


@pytest.fixture
def token_of() -> Callable[[User], str]:
    """A fresh access token."""
    return lambda user: services.log_in(email=user.email, password=PASSWORD).access_token


@pytest.fixture
def open_socket(server: LiveServer) -> Iterator[Callable[..., Socket]]:
    """Open a socket at the server; `query` goes into the address."""
    with ExitStack() as opened:

        def open_socket(query: str = "", *, path: str = "/ws/chat", **options: Any) -> Socket:
            options = {"compression": None, "max_size": None, **options}
            return Socket(opened.enter_context(connect(f"{server.ws_url}{path}{query}", **options)))

        yield open_socket


@pytest.fixture
def clinician(make_user: Callable[..., User]) -> User:
    return make_user()


@pytest.fixture
def socket(clinician: User, token_of: Callable[[User], str], open_socket: Callable[..., Socket]) -> Socket:
    """A socket of a clinician's who has been welcomed."""
    socket = open_socket(f"?token={token_of(clinician)}")
    assert socket.receive()["type"] == "connected"
    return socket


def resource(kind: str, name: str, *, on: str = "2024-03-12", **more: Any) -> Json:
    """A FHIR resource of a patient's, to be given to `make_record`."""
    code = {"text": name}
    dated = {
        "Condition": {"code": code, "recordedDate": on, "clinicalStatus": _active("condition-clinical")},
        "AllergyIntolerance": {
            "code": code,
            "recordedDate": on,
            "clinicalStatus": _active("allergyintolerance-clinical"),
        },
        "MedicationRequest": {
            "medicationCodeableConcept": code,
            "authoredOn": on,
            "status": "active",
            "intent": "order",
        },
        "Observation": {"code": code, "effectiveDateTime": on, "status": "final"},
    }[kind]
    return {"resourceType": kind, "id": str(uuid4()), **dated, **more}


def _active(system: str) -> Json:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": "active"}]}


@pytest.fixture
def make_record(database: None, tmp_path: Path) -> Callable[..., int]:
    """A patient with a CD and a record of these resources, imported; returns the patient's id."""

    def make(*resources: Json, number: str = "30995750", name: str = "Laura Morales") -> int:
        given, _, family = name.partition(" ")
        patient = {
            "resourceType": "Patient",
            "id": str(uuid4()),
            "identifier": [
                {
                    "type": {"coding": [{"system": "https://healthmate.demo/tipos-de-documento", "code": "CD"}]},
                    "system": "https://healthmate.demo/documentos/cd",
                    "value": number,
                }
            ],
            "name": [{"family": family, "given": [given]}],
            "birthDate": "1990-05-14",
            "gender": "female",
        }
        reference = {"reference": f"Patient/{patient['id']}"}
        of_patient = {"subject": reference, "patient": reference}
        entries = [patient, *({**item, **of_patient} for item in resources)]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in entries]}
        path = tmp_path / f"{uuid4()}.json"
        path.write_text(json.dumps(bundle))
        assert import_path([path]).quarantined == []
        return PatientIdentifier.objects.get(number=number).patient_id

    return make


@pytest.fixture
def record(make_record: Callable[..., int]) -> int:
    """Laura Morales, with two medicines and an allergy."""
    return make_record(
        resource("MedicationRequest", "Metformina 850 mg", on="2019-03-12"),
        resource("MedicationRequest", "Losartán 50 mg", on="2021-08-02"),
        resource("AllergyIntolerance", "Penicilina", on="2016-04-18"),
    )


@pytest.fixture
def record_ids(database: None) -> Callable[[int], set[int]]:
    """The records of a patient."""
    return lambda patient_id: set(ClinicalRecord.objects.filter(patient=patient_id).values_list("pk", flat=True))
