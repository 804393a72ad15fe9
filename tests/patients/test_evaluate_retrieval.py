"""`evaluate_retrieval` measures on its own import and leaves nothing behind."""

import json

import pytest
from django.core.management import CommandError, call_command

from patients.models import ClinicalRecord, Patient, RecordChunk


@pytest.fixture
def questions(tmp_path, fhir_bundle, fhir_patient):
    """A file of questions about a bundle of one patient with hypertension, resolved gout and a weight."""
    subject = {"subject": {"reference": "Patient/ana"}}
    fhir_bundle(
        fhir_patient(),
        {"resourceType": "Condition", "id": "c1", "code": {"text": "Hypertension"}, **subject},
        {"resourceType": "Condition", "id": "c2", "code": {"text": "Gout"}, **subject},
        {"resourceType": "Observation", "id": "o1", "code": {"text": "Body Weight"}, **subject},
        name="data/bundle.json",
    )

    def write(*lines):
        path = tmp_path / "deep" / "questions.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return path

    return write


def question(number, text, *gold, language="en", kind="condition:x", **changes):
    return {
        "id": f"q{number}",
        "lang": language,
        "type": kind,
        "patient": "Patient/ana",
        "bundle": "data/bundle.json",
        "question": text,
        "gold": list(gold),
        **changes,
    }


ALL = (
    question(1, "hypertension?", "Condition/c1"),
    question(2, "What conditions does she have?", "Condition/c1", "Condition/c2"),
    question(3, "asthma?", kind="unanswerable:condition"),
    question(4, "weight?", kind="unanswerable:weight"),
    question(5, "¿tiene gota?", "Condition/c1", language="es"),
)
TABLE = """\
| lang | type           | questions | recall@1 | recall@5 | MRR  | silent |
| ---  | ---            | ---       | ---      | ---      | ---  | ---    |
| en   | all answerable | 2         | 1.00     | 1.00     | 1.00 |        |
| en   | condition      | 2         | 1.00     | 1.00     | 1.00 |        |
| en   | unanswerable   | 2         |          |          |      | 0.50   |
| es   | all answerable | 1         | 0.00     | 0.00     | 0.00 |        |
| es   | condition      | 1         | 0.00     | 0.00     | 0.00 |        |
"""


@pytest.mark.parametrize("options", [{}, {"vectors": True}])
def test_the_table(db, questions, capsys, options):
    call_command("evaluate_retrieval", str(questions(*ALL)), **options)

    table, last = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert table + "\n" == TABLE
    assert last.startswith("5 questions, " + ("with vectors of scripted/1536, " if options else "by words alone, "))


def test_it_leaves_the_clinic_as_it_was(questions, make_patient, capsys, db):
    make_patient()
    before = list(Patient.objects.values())

    call_command("evaluate_retrieval", str(questions(*ALL)))

    assert list(Patient.objects.values()) == before
    assert (ClinicalRecord.objects.count(), RecordChunk.objects.count()) == (0, 0)


def test_json_tells_what_was_missed(db, questions, capsys):
    call_command("evaluate_retrieval", str(questions(*ALL)), json=True)

    report = json.loads(capsys.readouterr().out)
    assert report["figures"][0] == {
        "language": "en",
        "type": "all answerable",
        "questions": 2,
        "recall_at_1": 1.0,
        "recall_at_5": 1.0,
        "mrr": 1.0,
        "silent": None,
    }
    assert [(item["id"], item["found"], item["gold"]) for item in report["missed"]] == [
        ("q4", ["Observation/o1"], []),
        ("q5", ["Condition/c2"], ["Condition/c1"]),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "There are no questions in the file"),
        (["{"], "Line 1 is not JSON"),
        (["[]"], "Line 1 lacks an object"),
        ([{"id": "q"}], "Line 1 lacks lang, type, patient, bundle, question, gold"),
        ([question(1, "x", bundle="no/such.json")], r"The bundle no/such\.json is not under any folder above .*--root"),
        ([question(1, "x", patient="Patient/eva")], r"bundle\.json gives 0 patients called Patient/eva"),
    ],
)
def test_what_cannot_be_measured_is_told(db, questions, lines, message):
    with pytest.raises(CommandError, match=message):
        call_command("evaluate_retrieval", str(questions(*lines)))


def test_the_file_must_exist(db):
    with pytest.raises(CommandError, match="There is no file"):
        call_command("evaluate_retrieval", "nowhere.jsonl")


def test_the_published_questions_are_answered(db, shared_data, capsys):
    call_command("evaluate_retrieval", str(shared_data / "retrieval" / "questions.jsonl"), json=True)

    figures = {(row["language"], row["type"]): row for row in json.loads(capsys.readouterr().out)["figures"]}
    for language in ("en", "es"):
        answerable = figures[language, "all answerable"]
        assert answerable["recall_at_5"] >= 0.9
        assert answerable["mrr"] >= 0.8
        assert figures[language, "unanswerable"]["silent"] == 1.0
