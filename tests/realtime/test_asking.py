"""A clinician asks: the frames in their order, and what stands behind their figures."""

from collections.abc import Callable
from typing import Any

from healthmate.accounts.models import User
from patients.models import ClinicalRecord
from tests.realtime.conftest import STATUSES, Socket, question, resource


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    return [frame.get("status", frame["type"]) for frame in frames]


def test_a_question_is_answered_offline_with_a_cited_extract(socket: Socket, record: int, clinician: User) -> None:
    asked = question()
    socket.send(asked)
    frames = socket.rest()

    tokens = [frame["token"] for frame in frames if frame["type"] == "token"]
    assert kinds(frames) == [*STATUSES, "stream_start", *["token"] * len(tokens), "stream_end", "complete"]
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert {frame["session_id"] for frame in frames} == {asked["session_id"]}
    assert frames[0]["message"] == "🔍 Buscando datos del paciente..."
    metformin = ClinicalRecord.objects.get(display="Metformina 850 mg")
    losartan = ClinicalRecord.objects.get(display="Losartán 50 mg")
    complete = frames[-1]
    by_marker = {citation["marker"]: citation for citation in complete["answer"]["citations"]}
    assert complete == {
        "type": "complete",
        "session_id": asked["session_id"],
        "timestamp": frames[-2]["timestamp"],
        "patient_info": {
            "patient_id": record,
            "full_name": "Laura Morales",
            "document_type": "CD",
            "document_number": "30995750",
        },
        "answer": {
            "text": "".join(tokens),
            "confidence": 1.0,
            "model_used": "scripted",
            "citations": [by_marker["[1]"], by_marker["[2]"]],
        },
        "metadata": {"total_records_analyzed": 3, "vector_chunks_used": 2},
        "flags": ["scripted"],
        "seq": len(frames),
    }
    assert {citation["record_id"]: citation["date"] for citation in by_marker.values()} == {
        metformin.pk: "2019-03-12",
        losartan.pk: "2021-08-02",
    }
    for marker, citation in by_marker.items():
        line = next(line for line in complete["answer"]["text"].splitlines() if marker in line)
        assert citation["text"].splitlines()[0].partition(": ")[2] in line


def test_separators_in_a_record_do_not_keep_it_from_being_answered(
    socket: Socket, make_record: Callable[..., int]
) -> None:
    make_record(resource("MedicationRequest", "Metformina\u2028850\u2029mg\x85oral"))
    last = socket.ask(text="¿Toma metformina?")[-1]
    assert last["type"] == "complete", last
    assert "Metformina 850 mg oral" in last["answer"]["text"]
    assert [citation["marker"] for citation in last["answer"]["citations"]] == ["[1]"]
