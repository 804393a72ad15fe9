"""What a model is shown of a record: one line for each entry whatever its text, and a fair part of every list."""

import json
from typing import Any

import pytest

from chat.clinical_context import LISTS, MAX_RECORD_CHARS, entries_of, record_message
from chat.scripted.record_summary import read_record_request
from patients.retrieval import ChunkHit, Fact, Snapshot

SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029\xa0\r\t"


def facts(first: int, count: int, text: str) -> list[Fact]:
    return [
        Fact(record_id=number, resource_type="x", name="", value="", date="", status="", negated=False, text=text)
        for number in range(first, first + count)
    ]


def hit(record_id: int, text: str) -> ChunkHit:
    return ChunkHit(
        record_id=record_id,
        resource_type="x",
        name="",
        date="",
        recorded_at=None,
        status="",
        negated=False,
        text=text,
        score=1.0,
    )


def snapshot(**lists: Any) -> Snapshot:
    return Snapshot(patient_id=1, age=40, gender=f"a{SEPARATORS}b", birth_date="", deceased=False, **lists)


def test_no_text_of_a_record_breaks_its_line() -> None:
    texts = [f"Nota: uno{separator}dos\nStatus: final{separator}" for separator in SEPARATORS]
    known = snapshot()
    entries = entries_of([hit(number, text) for number, text in enumerate(texts)], known)
    message = record_message(entries, question="¿Qué?", fence="abc", snapshot=known)

    assert len(message.partition("</record abc>")[0].splitlines()) == 2 + len(texts)
    request = read_record_request(
        {"instructions": "- record fence: abc", "input": [{"role": "user", "content": message}]}
    )
    assert request
    assert request.question == "¿Qué?"
    assert [entry["text"] for entry in request.entries] == ["Nota: uno dos\nStatus: final "] * len(texts)


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_the_scripted_model_reads_lines_that_hold_separators(separator: str) -> None:
    line = json.dumps({"marker": "[1]", "text": f"a{separator}b"}, ensure_ascii=False)
    content = f"<record abc>\n{line}\n</record abc>\n\nThe clinician asks:\n¿Qué?"
    request = read_record_request(
        {"instructions": "- record fence: abc", "input": [{"role": "user", "content": content}]}
    )
    assert request
    assert [entry["text"] for entry in request.entries] == [f"a{separator}b"]


def test_every_list_has_its_share_and_what_is_dropped_is_counted() -> None:
    full = snapshot(
        **{name: facts(at * 100, 60, "x" * 500) for at, name in enumerate(LISTS[:4])},
        immunizations=facts(500, 3, "vacuna"),
        encounters=facts(600, 1, "urgencias"),
        left_out={"problems": 7},
    )
    entries = entries_of([hit(100, "y" * 500), hit(900, "y")], full)
    person = json.loads(record_message(entries, question="", fence="abc", snapshot=full).split("\n")[1])

    shown = {name: sum(entry.list == name for entry in entries) for name in LISTS}
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.record_id for entry in entries][:3] == [100, 900, 0]
    assert sum(len(entry.text) for entry in entries) <= MAX_RECORD_CHARS
    assert shown == {
        "allergies": 39,
        "problems": 14,
        "medications": 13,
        "observations": 13,
        "immunizations": 3,
        "encounters": 1,
    }
    assert person["not_shown"] == {"allergies": 21, "problems": 46 + 7, "medications": 47, "observations": 47}


def test_a_record_that_fits_is_shown_whole() -> None:
    small = snapshot(allergies=facts(1, 2, "a"), encounters=facts(3, 1, "b"))
    entries = entries_of([hit(3, "c")], small)
    assert [(entry.number, entry.record_id, entry.list) for entry in entries] == [
        *((1, 3, "encounters"), (2, 1, "allergies"), (3, 2, "allergies")),
    ]
    assert '"not_shown": {}' in record_message(entries, question="", fence="abc", snapshot=small)
