"""What a question is understood to ask for."""

from datetime import date

import pytest

from patients.retrieval.periods import period_in
from patients.retrieval.question import understand

TODAY = date(2026, 11, 21)


def about(text: str) -> list[list[str]]:
    return [[topic.words for topic in question.topics] for question in understand(text, TODAY)]


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("What is the latest HbA1c?", [["hba1c"]]),
        ("¿Cuál fue la última hemoglobina glicosilada?", [["hemoglobina glicosilada"]]),
        ("¿Cuándo le diagnosticaron sinusitis viral?", [["sinusitis viral"]]),
        ("Has the patient had the shingles (zoster) vaccine?", [["shingles"]]),
        ("hypertension or diabetes?", [["hypertension"], ["diabetes"]]),
        ("alergia al polen, polvo", [["polen"], ["polvo"]]),
        ("How is the diabetes, what does the last A1c say?", [["a1c"], ["diabetes"]]),
        ("necesito la creatinina antes del contraste", [["contraste"], ["creatinina"]]),
        ("¿Se ha roto algún hueso?", [["roto hueso"]]),
        ("hemoglobna", [["hemoglobna"]]),
        ("good morning, thank you", []),
        ("", []),
        ("?!.;:", []),
    ],
)
def test_topics(text: str, topics: list[list[str]]) -> None:
    assert about(text) == topics


def test_a_misspelt_word_means_what_it_nearly_is() -> None:
    (question,) = understand("última hemoglobna", TODAY)

    assert [topic.kind for topic in question.topics] == ["test"]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("Is the patient allergic to penicillin?", {"AllergyIntolerance"}),
        ("pneumonia vaccine", {"Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation"}),
        ("When was pneumonia diagnosed?", {"Condition"}),
        ("weight at the last visit", set()),
        ("última toma de presión", set()),
        ("diabetes care plan", {"CarePlan"}),
    ],
)
def test_the_kind_of_record_that_is_meant(text: str, types: set[str]) -> None:
    assert set(understand(text, TODAY)[0].types) == types


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("What is she on?", {"current"}),
        ("¿Qué medicamentos toma?", {"current"}),
        ("último peso", {"latest"}),
        ("first recorded weight", {"first"}),
        ("medicamentos suspendidos", {"past"}),
    ],
)
def test_newest_current_and_past(text: str, flags: set[str]) -> None:
    assert set(understand(text, TODAY)[0].flags) == flags


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("glucose in 2015", "2015-01-01", "2015-12-31"),
        ("en marzo de 2016", "2016-03-01", "2016-03-31"),
        ("on 2019-05-03", "2019-05-03", "2019-05-03"),
        ("el 3 de mayo de 2019", "2019-05-03", "2019-05-03"),
        ("since 2018", "2018-01-01", "2999-12-31"),
        ("antes de 2010", "1800-01-01", "2009-12-31"),
        ("between 2010 and 2012", "2010-01-01", "2012-12-31"),
        ("entre 2010 y 2012", "2010-01-01", "2012-12-31"),
        ("in the last 2 years", "2024-11-19", "2026-11-21"),
        ("últimos 6 meses", "2026-05-19", "2026-11-21"),
        ("this year", "2026-01-01", "2026-12-31"),
    ],
)
def test_the_time_it_is_about(text: str, first: str, last: str) -> None:
    period, _ = period_in(text, TODAY)

    assert period is not None
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


@pytest.mark.parametrize("text", ["last HbA1c", "PCV 13", "140/90", "dose of 2000 mg?"])
def test_what_is_no_time(text: str) -> None:
    assert period_in(text, TODAY)[0] is None or "2000" in text


@pytest.mark.parametrize(
    ("day", "holds"),
    [("2015-06-01", True), ("2015", True), ("2014-12-31", False), ("2016-01", False), ("2015-01", True)],
)
def test_a_partial_date_lies_in_a_period_that_it_touches(day: str, holds: bool) -> None:
    period, _ = period_in("in 2015", TODAY)

    assert period is not None
    assert period.holds(day) is holds


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["a" * 100_000, "glucose " * 5_000, "y, " * 20_000, "1" * 50_000, "¿" * 50_000])
def test_a_long_question_takes_no_longer_than_a_short_one_may(text: str) -> None:
    understand(text[:2_000], TODAY)


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("Which drugs is this lady on?", []),
        ("current med list pls", []),
        ("Which medicines has she, flurbling, been given?", []),
        ("alergias de la niña, por favor", []),
        ("Pasame porfa la medicación actual del muchacho", []),
        ("any meds for kuru, pls?", ["kuru"]),
        ("this lady's kuru medication", ["kuru"]),
        ("¿Esta señora es alérgica a la quinoa?", ["quinoa"]),
        ("jackfruit allergy in this kiddo?", ["jackfruit"]),
        ("Which vaccines, say XQ7, did the lady get?", ["xq7"]),
        ("What conditions does she have, say blorbitis?", ["blorbitis"]),
    ],
)
def test_a_list_is_not_about_its_fillers(text: str, topics: list[str]) -> None:
    found = [topic.words for question in understand(text, TODAY) for topic in question.topics]

    assert found == topics


def test_a_man_is_no_shoulder() -> None:
    assert about("¿Qué fármacos toma este hombre?") == [[]]
