"""Markers in an answer, however they are cut; what of an answer is cited; the scripted model's extract."""

import json
import random

import pytest
from django.utils.translation import override

from chat.citations import CitationGate, confidence_of, numbers_in, sentences_of, without_markers
from chat.scripted.record_summary import read_record_request, summary_of

TEXTS = [
    ("Toma metformina [1].", "Toma metformina [1].", [1]),
    ("Toma metformina [9].", "Toma metformina.", []),
    ("Toma metformina  [9] y losartán [2].", "Toma metformina y losartán [2].", [2]),
    ("Sí [1, 9; 3], sí [2–4] y no [7, 8].", "Sí [1, 3], sí [2, 3] y no.", [1, 3, 2]),
    ("[1][9][2]", "[1][2]", [1, 2]),
    ("Vea [nota] o [1a] o [] o [ 2 ] o [1", "Vea [nota] o [1a] o [] o [ 2 ] o [1", [2]),
    ("Dos [2] y otra vez [2].", "Dos [2] y otra vez [2].", [2]),
    ("[[1]] y [link](http://x) y [12345]", "[[1]] y [link](http://x) y", [1]),
    ("[[99]1] [[99]98] [1 [9], 2] [[1]9]", "[1] [1, 2] [[1]9]", [1, 2]),
    ("[10000] [1,99999] [[[9]8]7] a]", " [1] a]", [1]),
    ("Uno [1,\n2] y [9,\n1].", "Uno [1, 2] y [1].", [1, 2]),
    ("Nada que citar. \t", "Nada que citar.", []),
    ("[1-99999] [9-1] [1-2000]", "[1] [1] [1]", [1]),
]


@pytest.mark.parametrize(("said", "shown", "cited"), TEXTS)
def test_markers_that_name_nothing_are_dropped_wherever_the_text_is_cut(
    said: str, shown: str, cited: list[int]
) -> None:
    for cut in range(len(said) + 1):
        gate = CitationGate({1, 2, 3})
        pieces = [gate.release(said[:cut]), gate.release(said[cut:]), gate.finish()]
        assert ("".join(pieces), gate.cited) == (shown, cited), cut
    gate = CitationGate({1, 2, 3})
    letters = [gate.release(letter) for letter in said]
    assert ("".join([*letters, gate.finish()]), gate.cited) == (shown, cited)


def test_what_is_shown_does_not_depend_on_the_cuts_and_names_known_records_only() -> None:
    chance = random.Random(7)
    words = [*"[[[]]]", *"1239,;–- \t\n", "[1]", "[9]", "a", ". ", "99999", " " * 9, "[" + "9, " * 60, "1, " * 1400]
    for _ in range(600):
        said = "".join(chance.choices(words, weights=[9] * (len(words) - 1) + [1], k=chance.randrange(40)))
        whole = CitationGate({1, 2, 3})
        shown = whole.release(said) + whole.finish()
        for _ in range(3):
            gate = CitationGate({1, 2, 3})
            cuts = sorted(chance.choices(range(len(said) + 1), k=chance.randrange(30)))
            pieces = [gate.release(said[a:b]) for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
            assert ("".join([*pieces, gate.finish()]), gate.cited) == (shown, whole.cited), said
        again = CitationGate({1, 2, 3})
        assert again.release(shown) + again.finish() == shown, said
        assert again.cited == whole.cited, said


@pytest.mark.parametrize("size", [1, 7, 100])
def test_long_lists_are_markers_too(size: int) -> None:
    good, bad = (f"Sí [{', '.join(map(str, range(first, first + 300)))}]." for first in (1, 5000))
    endless = f"Sí [{'9, ' * 3000}9]. No [1]."
    for said, shown, cited, confidence in (
        (good, good, list(range(1, 301)), 1.0),
        (bad, "Sí.", [], 0.0),
        (endless, "Sí. No [1].", [1], 0.5),
    ):
        gate = CitationGate(range(1, 301))
        pieces = [gate.release(said[at : at + size]) for at in range(0, len(said), size)]
        text = "".join([*pieces, gate.finish()])
        assert (text, gate.cited, confidence_of(text)) == (shown, cited, confidence)


def test_what_cannot_become_a_marker_is_not_held_back() -> None:
    gate = CitationGate({1})
    assert [gate.release(piece) for piece in ("Toma [", "la ", "una", " [1", "] y", " ")] == [
        *("Toma", " [la", " una", "", " [1] y", ""),
    ]


def test_no_text_makes_the_gate_slow() -> None:
    for piece in ("[", " ", "[1,", "1", "[1] ", "a. b. "):
        gate = CitationGate({1})
        for _ in range(2000):
            gate.release(piece * 50)
        assert confidence_of((gate.finish() + piece) * 1000) <= 1


@pytest.mark.parametrize(
    ("text", "sentences", "confidence"),
    [
        ("", 0, 0.0),
        ("Toma metformina [1]. Tiene asma.", 2, 0.5),
        ("Toma metformina. [1] Tiene asma. [2][3]", 2, 1.0),
        ("No hay nada sobre eso.", 1, 0.0),
        ("**Medicamentos:**\n- Metformina 850 mg [1]\n- Losartán 50 mg [2]\n\n---\n", 2, 1.0),
        ("# Resumen\nLa Dra. Restrepo anotó 7.2 % el 3 de marzo [1].", 1, 1.0),
        ("1. Uno [1]\n2. Dos\n3. Tres [2]", 3, 0.6667),
        ("Alergias: penicilina [1]", 1, 1.0),
        ("| Fecha | Valor |\n| --- | --- |\n| 2024 | 7.2 [1] |", 2, 0.5),
        ("¿Algo más? ¡Sí! [1]", 2, 0.5),
    ],
)
def test_confidence_is_the_share_of_sentences_that_cite(text: str, sentences: int, confidence: float) -> None:
    assert (len(sentences_of(text)), confidence_of(text)) == (sentences, confidence)


def test_foreign_markers_are_disarmed() -> None:
    assert without_markers("Ver [1] y [2, 3-5] [12345].") == "Ver (1) y (2, 3-5) (12345)."
    assert numbers_in("1, 3-5;7") == [1, 3, 4, 5, 7]


def body(*entries: dict[str, object], question: str = "¿Qué toma?") -> dict[str, object]:
    lines = [json.dumps(entry) for entry in ({"patient": {}}, *entries)]
    content = "\n".join(["<record abc123>", *lines, "</record abc123>", "", "The clinician asks:", question])
    return {"instructions": "x\n- record fence: abc123", "input": [{"role": "user", "content": content}]}


def entry(number: int, text: str, *, found: bool = True, date: str | None = "2024-01-02") -> dict[str, object]:
    return {"marker": f"[{number}]", "found": found, "list": "", "type": "x", "date": date, "text": text}


def test_the_scripted_extract_has_one_cited_sentence_for_each_record() -> None:
    note = "Document reference: Nota\nStatus: current\nVino por control. Usa salbutamol tres veces por semana. Mejor."
    request = read_record_request(
        body(
            entry(1, "Medication request: Metformina 850 mg\nValue: Una con la cena\nStatus: active\nReason: Diabetes"),
            entry(2, note, date=None),
            entry(3, "Condition: Asma", found=False),
            question="¿Cuánto salbutamol usa?",
        )
    )
    assert request
    with override("es"):
        heading, *lines = summary_of(request).splitlines()

    assert "extracto automático" in heading
    assert lines == [
        "- 2024-01-02: Metformina 850 mg; Una con la cena; Diabetes; active [1].",
        "- Nota; current; Usa salbutamol tres veces por semana [2].",
    ]
    assert confidence_of("\n".join([heading, *lines])) == 1.0


def test_the_scripted_model_says_when_it_finds_nothing() -> None:
    request = read_record_request(body(entry(1, "Condition: Asma", found=False)))
    assert request
    with override("en"):
        said = summary_of(request)
    assert said == "I find nothing in the patient's record that answers this question."
    assert confidence_of(said) == 0.0


def test_other_requests_are_none_about_a_record() -> None:
    assert read_record_request({"instructions": "x", "input": [{"role": "user", "content": "<record abc>"}]}) is None
    assert read_record_request({"instructions": "- record fence: abc", "input": "x"}) is None
    assert read_record_request({**body(), "instructions": "- record fence: def"}) is None
