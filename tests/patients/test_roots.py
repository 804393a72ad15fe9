"""Cognates of the two languages meet in their roots, and different things of the vocabulary do not."""

from collections import defaultdict

import pytest

from patients.retrieval.lexicon import lexicon
from patients.roots import root, roots_of, words_of

SPELLINGS = """
    hypertension/hipertensión pharyngitis/faringitis spirometry/espirometría glucose/glucosa infection/infección
    obesity/obesidad pneumonia/neumonía bronchitis/bronquitis dialysis/diálisis fractures/fractura
    simvastatin/simvastatina hydrochlorothiazide/hidroclorotiazida potassium/potasio leukocytes/leucocitos
    lymphocytes/linfocitos triglycerides/triglicéridos tetanus/tétanos immunizations/inmunización allergies/alérgica
    scoliosis/escoliosis schizophrenia/esquizofrenia stress/estrés hemorrhage/hemorragia leukemia/leucemia
    meningococcal/meningococo appendicitis/apendicitis bones/bone labs/lab
"""


def test_the_two_spellings_of_a_word_have_one_root() -> None:
    pairs = [pair.split("/") for pair in SPELLINGS.split()]

    assert [(one, other) for one, other in pairs if roots_of(one) != roots_of(other)] == []


@pytest.mark.parametrize("pair", ["crohn/chronic", "shellfish/self", "pneumoniae/pneumonia", "ldl/hdl", "type/tipo 2"])
def test_words_that_only_sound_alike_keep_apart(pair: str) -> None:
    one, other = pair.split("/")

    assert roots_of(one) != roots_of(other)


def test_words_that_join_others_have_no_place() -> None:
    assert roots_of("Cáncer de la mama") == roots_of("cancer mama")
    assert roots_of("Hepatitis A") == ("epatit", "a")


def test_every_word_of_the_vocabulary_is_known_and_few_are_confused() -> None:
    vocabulary = lexicon()
    said = defaultdict(set)
    for words, meaning in vocabulary.by_words.items():
        if meaning.concepts:
            said[tuple(sorted(root(word) for word in words))].add(words)
    confused = {
        roots
        for roots, spellings in said.items()
        if len(spellings) > 1
        and not set.intersection(*({c.name for c in vocabulary.by_words[words].concepts} for words in spellings))
    }

    # Each is told apart by its exact spelling, which comes before the root.
    assert confused <= {
        ("alcol",),  # alcohol, alcoholic
        ("angin",),  # angina, anginas
        ("cimioterap",),
        ("eco",),  # eco, echo
        ("trig",),  # trigs, trigo
        ("ive",),
        ("emofil",),
    }


def test_the_files_of_words_are_folded_like_the_questions() -> None:
    assert lexicon().meaning_of(words_of("PRESIÓN ARTERIAL"), roots_of("PRESIÓN ARTERIAL")) is not None
    assert lexicon().meaning_of(["zzyzx"], ["zzyzx"]) is None
