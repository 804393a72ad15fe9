"""A yes is a whole message that agrees and nothing else; a no likewise; disguises of letters change nothing."""

import pytest

from chat.language import TO_CANCEL, detect_language, says_no, says_not_me, says_yes
from healthmate.common.text import fold

YES = [
    "sí",
    "Si",
    "sí por favor",
    "yes please",
    "claro",
    "claro que sí",
    "dale",
    "ok gracias",
    "sí, confirmo",
    "sí, acepto",
    "yes, confirm it",
    "yes I agree",
    "de acuerdo, confirmo la cita",
    "perfecto, resérvala",
    "confirm",
    "sí, está bien",
    "👍",
    "sip",
    "yes, book it",
    "sí, quiero esa",
    "that's fine",
    "me parece bien",
    "SÍ",
    "siii",
    "Sí!!",
    "yes!",
    "Yes, please do.",
    "okay, thank you",
    "Si, Anna",
    "ok 👍🏽",
    "that’s fine",
    "I’ll take it",
    "si confirmo",
    "si acepto gracias",
    "si quiero",
    "Acepto que guarden mis datos",
    "Sí, autorizo el tratamiento de mis datos",
    "yep",
    "sure, go ahead",
    "Confirmo.",
    "listo, muchas gracias",
    "vale",
    "buenos días, sí confirmo la cita",
    "yes yes",
    "ok",
    "correcto",
    "sí 🙏",
    "Yes, that works for me, thanks!",
    "por supuesto",
    "adelante por favor",
    "si está bien",
    "sí, agéndala por favor",
    "estoy de acuerdo",
    "Si, de acuerdo",
    "Sí, quiero la cita",
    "yes I want the appointment",
    "si señora",
    "✅",
    "ok ❤️",
]
NOT_YES = [
    "claro que no",
    "ok no",
    "sí, no acepto",
    "yes I do not agree",
    "right now I don't agree",
    "Confirmo que no autorizo",
    "si me explican primero",
    "si guardan mis datos los demando",
    "vale la pena?",
    "yes?",
    "¿sí?",
    "si está bien confírmala",
    "ok but later",
    "sí pero otro día",
    "yes if it is free",
    "bueno, no sé",
    "gracias",
    "hola",
    "por favor",
    "sí, cancélala",
    "maybe",
    "claro, como no puedo ir",
    "no",
    "nop",
    "yes and no",
    "sí y no",
    "ok 👎",
    "sí 🤔",
    "yes, next week",
    "sí, mañana",
    "sure, tell me more",
    "acepto si me cobran menos",
    "vale, ¿y cuánto cuesta?",
    "ok bye",
    "confirm what",
    "sí, otra",
    "si puedo ir",
    "listo para nada",
    "yeah right, never",
    "si quiero confirmo",
    "fine, whatever you don't get it",
    "de acuerdo con nadie",
    "Perfecto, pero no",
    "Sí, quiero otra hora",
    "I agree to nothing",
    "si me parece bien confirmo",
    "",
    "...",
    "1",
    "👍👎",
    "yes nope",
    "si la cancelan los denuncio",
    "if you say so I confirm",
    "ok, when?",
    "👍?",
    "sí " * 200,
]
NO = [
    "no",
    "No gracias",
    "nope",
    "no, mejor otra hora",
    "claro que no",
    "I don't agree",
    "no thanks",
    "not yet",
    "todavía no",
    "No quiero",
    "👎",
    "no, otra",
    "no me sirve ese horario",
    "no, sorry",
    "mejor no",
]
NOT_NO = [
    "no sé",
    "no hay problema",
    "no estoy seguro",
    "no problem",
    "¿no?",
    "no entiendo",
    "sí",
    "no tengo documento",
    "no, sí quiero",
    "No he recibido nada",
    "don't know",
]


@pytest.mark.parametrize("text", YES)
def test_a_plain_yes_agrees(text: str) -> None:
    assert says_yes(text)
    assert not says_no(text)


@pytest.mark.parametrize("text", NOT_YES)
def test_anything_more_than_a_yes_does_not_agree(text: str) -> None:
    assert not says_yes(text)


@pytest.mark.parametrize("text", NO)
def test_a_plain_no_declines(text: str) -> None:
    assert says_no(text)
    assert not says_yes(text)


@pytest.mark.parametrize("text", NOT_NO)
def test_anything_else_does_not_decline(text: str) -> None:
    assert not says_no(text)


@pytest.mark.parametrize("text", ["sí, cancélala", "cancélala", "yes, cancel it", "sí, quiero cancelarla", "yes"])
def test_cancel_it_agrees_to_a_cancellation_only(text: str) -> None:
    assert says_yes(text, to=TO_CANCEL)
    assert says_yes(text) == (text == "yes")


@pytest.mark.parametrize("text", ["No, no la canceles", "yes, cancel the others", "¿la cancelo?"])
def test_another_answer_cancels_nothing(text: str) -> None:
    assert not says_yes(text, to=TO_CANCEL)


def test_languages_and_who_is_there() -> None:
    assert detect_language("Necesito una cita", default="en") == "es"
    assert detect_language("I need an appointment", default="es") == "en"
    assert detect_language("ok", default="es") == "es"
    assert says_not_me("That’s not me")
    assert not says_not_me("soy yo")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  Córdoba\t Ñandú ", "cordoba nandu"),
        ("I can’t, I can´t, I can`t", "i can't, i can't, i can't"),
        ("re\u00adser\u200bva\u034fda\x07", "reservada"),
        ("ＣＣ １２３٤", "cc 1234"),
        ("STRASSE straße", "strasse strasse"),
    ],
)
def test_folded_text(text: str, folded: str) -> None:
    assert fold(text) == folded
