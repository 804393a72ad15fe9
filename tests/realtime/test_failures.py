"""Everything that can go wrong with a question, for real: the right code each time, and the next question works."""

import re
from collections.abc import Callable
from socket import create_server
from typing import Any

import pytest
from django.db import connection, transaction
from llmock.scenarios import Delay, Match

from chat.models import Assistant, ClinicalQuery, Run
from patients.models import AccessEvent, ClinicalRecord, Patient
from tests.realtime.conftest import STATUSES, Socket, question, resource

EMBEDDINGS = Match(path="*/embeddings")
MRN = 10  # a type of document that is unique per issuer only
ANSWER = "Toma metformina [1] y losartán [2]."


def ending(socket: Socket, **changes: Any) -> tuple[list[str], dict[str, Any]]:
    """The statuses of a question, and its last frame."""
    frames = socket.ask(**changes)
    return [frame["status"] for frame in frames if frame["type"] == "status"], frames[-1]


def assert_works(socket: Socket) -> None:
    statuses, last = ending(socket)
    assert (statuses, last["type"]) == (STATUSES, "complete")
    assert last["answer"]["citations"]


@pytest.fixture
def model(model_server: Any) -> Any:
    return model_server.tool_mode("off").reply(ANSWER, times=None)


def test_a_document_that_nobody_has(socket: Socket, record: int) -> None:
    told = set()
    for changes in (
        {"number": "1"},
        {"document_type_id": 1},
        {"document_type_id": 99},
        {"document_type_id": 0},
        {"document_type_id": -8},
        {"document_type_id": 2**40},
        {"number": "🦆"},
        {"number": "' OR 1=1 --"},
    ):
        statuses, last = ending(socket, **changes)
        assert (statuses, last["type"], last["seq"]) == (STATUSES[:1], "error", 2)
        told.add((last["error"]["code"], last["error"]["message"]))
    (told_once,) = told
    assert told_once == ("PATIENT_NOT_FOUND", "No hay ningún paciente con ese documento.")
    assert set(Run.objects.values_list("status", "error_code")) == {("failed", "PATIENT_NOT_FOUND")}
    assert not AccessEvent.objects.exists()
    for number in ("30.995.750", " 30995750 ", "CD 30995750"):
        assert ending(socket, number=number)[1]["patient_info"]["document_number"] == "30995750"


def test_a_document_that_two_patients_have_finds_neither(
    socket: Socket, make_record: Callable[..., int], record: int
) -> None:
    other = make_record(number="1", name="Laura Otra")
    for patient_id, system in ((record, "a"), (other, "b")):
        Patient.objects.get(pk=patient_id).identifiers.create(document_type_id=MRN, number="77", system=system)

    assert ending(socket, number="77", document_type_id=MRN)[1]["error"]["code"] == "PATIENT_NOT_FOUND"


def test_a_patient_without_records(socket: Socket, model: Any, make_record: Callable[..., int]) -> None:
    patient = make_record()

    statuses, last = ending(socket)

    assert statuses == STATUSES
    assert last["patient_info"]["patient_id"] == patient
    assert last["answer"] == {
        "text": "La historia clínica del paciente no contiene nada que responda a esta pregunta.",
        "confidence": 0.0,
        "model_used": "rules",
        "citations": [],
    }
    assert last["metadata"] == {"total_records_analyzed": 0, "vector_chunks_used": 0}
    assert [record.path for record in model.requests] == ["/v1/embeddings"]
    assert AccessEvent.objects.get().details == {"records": []}


def test_a_search_that_takes_too_long(socket: Socket, model: Any, record: int, settings: Any) -> None:
    settings.VECTOR_SEARCH_TIMEOUT = 0.5
    model.add(Delay(20, match=EMBEDDINGS))
    statuses, last = ending(socket)
    assert (statuses, last["error"]["code"]) == (STATUSES[:2], "VECTOR_SEARCH_TIMEOUT")
    event = AccessEvent.objects.get()  # the patient was found
    assert (event.patient_id, event.run_id, event.details) == (record, Run.objects.get().id, {"records": []})

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE patients_recordchunk IN ACCESS EXCLUSIVE MODE")
        statuses, last = ending(socket)
    assert (statuses, last["error"]["code"]) == (STATUSES[:2], "VECTOR_SEARCH_TIMEOUT")
    settings.VECTOR_SEARCH_TIMEOUT = 10
    assert_works(socket)


def test_a_model_that_takes_too_long(socket: Socket, model: Any, record: int, settings: Any) -> None:
    settings.LLM_TIMEOUT = 0.3
    model.slow_first_token(20)
    statuses, last = ending(socket)
    assert (statuses, last["error"]["code"]) == (STATUSES, "LLM_TIMEOUT")
    settings.LLM_TIMEOUT = 45
    assert_works(socket)


def test_a_model_that_falls_silent_in_the_middle(socket: Socket, model: Any, record: int, settings: Any) -> None:
    settings.LLM_TIMEOUT = 1.0  # no time for another attempt
    model.stall(after_chunks=8, seconds=20, times=None)
    frames = socket.ask()
    assert frames[-1]["error"]["code"] == "LLM_TIMEOUT"
    shown = "".join(frame["token"] for frame in frames if frame["type"] == "token")
    assert ANSWER.startswith(shown)
    assert Run.objects.get().answers.get().body == shown
    settings.LLM_TIMEOUT = 45
    model.reset()
    model.tool_mode("off").reply(ANSWER, times=None)
    assert_works(socket)


def test_a_model_that_breaks_off(socket: Socket, model: Any, record: int) -> None:
    model.truncate(after_chunks=8, times=3)
    statuses, last = ending(socket)
    assert (statuses, last["error"]["code"]) == (STATUSES, "LLM_ERROR")
    assert_works(socket)


def test_a_question_that_takes_too_long_in_all(socket: Socket, model: Any, record: int, settings: Any) -> None:
    settings.TOTAL_REQUEST_TIMEOUT = 0.5
    model.slow_first_token(20)
    assert ending(socket)[1]["error"]["code"] == "REQUEST_TIMEOUT"
    settings.TOTAL_REQUEST_TIMEOUT = 60
    assert_works(socket)


def test_what_nobody_foresaw(socket: Socket, record: int) -> None:
    Assistant.objects.filter(slug="clinical").update(active=False)
    assert ending(socket)[1]["error"]["code"] == "PROCESSING_ERROR"
    Assistant.objects.update(active=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE patients_recordchunk RENAME TO elsewhere")
    try:
        assert ending(socket)[1]["error"]["code"] == "PROCESSING_ERROR"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO patients_recordchunk")
    assert_works(socket)


def test_too_many_questions(socket: Socket, record: int, settings: Any) -> None:
    settings.RATE_MESSAGES = "1/min"
    answered = question()
    socket.send(answered)
    assert socket.rest()[-1]["type"] == "complete"
    for frame in (question(), {"type": "resume", "session_id": answered["session_id"]}):
        socket.send(frame)
        refusal = socket.receive()
        assert (refusal["error"]["code"], refusal["session_id"]) == ("RATE_LIMITED", frame["session_id"])
        assert "seq" not in refusal
    assert AccessEvent.objects.count() == 1
    socket.ping()
    settings.RATE_MESSAGES = "off"
    assert_works(socket)


def test_a_record_that_was_entered_in_error_is_not_counted(socket: Socket, make_record: Callable[..., int]) -> None:
    wrong = {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}
    make_record(
        resource("MedicationRequest", "Metformina 850 mg"),
        resource("MedicationRequest", "Losartán 50 mg", status="entered-in-error"),
        resource("Condition", "Asma", **wrong),
    )
    assert ClinicalRecord.objects.count() == 3

    assert ending(socket)[1]["metadata"]["total_records_analyzed"] == 1


def test_a_search_that_is_stopped_leaves_an_event(socket: Socket, model: Any, record: int) -> None:
    model.add(Delay(20, match=EMBEDDINGS))
    asked = question()
    socket.send(asked)
    while socket.receive().get("status") != "vector_search":
        pass
    cancel = {"type": "cancel", "session_id": asked["session_id"]}
    socket.send(cancel)

    assert socket.rest()[-1]["patient_info"]["patient_id"] == record
    assert (AccessEvent.objects.get().patient_id, AccessEvent.objects.get().details) == (record, {"records": []})
    socket.send(cancel)
    assert socket.receive()["error"]["code"] == "INVALID_REQUEST"
    assert AccessEvent.objects.count() == 1  # nothing was shown again


def test_a_model_server_without_embeddings_is_no_error(socket: Socket, model: Any, record: int) -> None:
    model.fail(404, times=None, model="text-embedding*")

    statuses, last = ending(socket)

    assert statuses == STATUSES
    assert last["answer"]["text"] == ANSWER
    assert len(last["answer"]["citations"]) == 2


def test_a_model_server_that_is_down_leaves_the_scripted_model(socket: Socket, model: Any, record: int) -> None:
    model.fail(400, times=None)

    _, last = ending(socket)

    assert (last["answer"]["model_used"], last["flags"]) == ("scripted", ["scripted"])
    assert len(last["answer"]["citations"]) == 2


def test_a_model_server_that_nobody_runs_leaves_the_scripted_model(socket: Socket, record: int, settings: Any) -> None:
    with create_server(("127.0.0.1", 0)) as closed:
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    settings.OPENAI_API_KEY = "sk-nobody"

    _, last = ending(socket)

    assert (last["answer"]["model_used"], last["flags"]) == ("scripted", ["scripted"])
    assert len(last["answer"]["citations"]) == 2


def test_no_word_of_it_is_logged(
    socket: Socket, model: Any, record: int, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    caplog.set_level("DEBUG", logger="healthmate")
    caplog.set_level("DEBUG", logger="chat")
    caplog.set_level("DEBUG", logger="realtime")
    model.truncate(after_chunks=8, times=3)
    socket.ask(text="¿Toma metformina desde diciembre?")
    socket.ask(text="¿Toma metformina desde diciembre?", number="4455667788")

    assert len(caplog.records) >= 2
    assert not re.search("metformina|30995750|4455667788|Laura|eyJ", caplog.text, re.IGNORECASE)


def test_what_is_stored_of_a_question(socket: Socket, model: Any, record: int) -> None:
    asked = question("What medication is she on?")
    socket.send(asked)
    last = socket.rest()[-1]

    run = Run.objects.select_related("thread", "message", "assistant").get()
    assert (run.status, run.assistant.slug, run.model) == ("completed", "clinical", "gpt-4o-mini")
    assert (run.input_tokens > 0, run.output_tokens > 0) == (True, True)
    assert (run.thread.kind, run.thread.language, run.thread.patient_id) == ("clinical", "en", record)
    assert (run.message.body, run.answers.get().body) == (asked["question"], ANSWER)
    query = ClinicalQuery.objects.get()
    assert (query.session_id, query.document_type_id, query.document_number) == (asked["session_id"], 8, "30995750")
    assert (query.confidence, query.citations) == (1.0, last["answer"]["citations"])
    assert (query.records_analyzed, query.chunks_used) == (3, 2)
    event = AccessEvent.objects.get()
    assert (event.patient_id, event.purpose, event.actor) == (record, "clinical_query", last and str(event.user_id))
    assert (event.run_id, event.thread_id) == (run.id, run.thread_id)
    shown = [citation["record_id"] for citation in last["answer"]["citations"]]
    assert set(shown) <= set(event.details["records"]) <= set(ClinicalRecord.objects.values_list("pk", flat=True))
