"""Red flags are told from everyday complaints; claims of what was not done are held back."""

import pytest

from chat.safety.red_flags import emergency_answer, red_flags
from chat.safety.truth import TruthGate


@pytest.mark.parametrize(
    ("sign", "text"),
    [
        ("chest_pain", "Tengo un dolor muy fuerte en el pecho"),
        ("chest_pain", "me duele el pecho desde hace una hora"),
        ("chest_pain", "creo que me está dando un infarto"),
        ("chest_pain", "Tengo opresión en el pecho y sudor frío"),
        ("chest_pain", "I have chest pain"),
        ("chest_pain", "There is a tightness in my chest"),
        ("chest_pain", "I think I'm having a heart attack"),
        ("stroke", "No puedo mover el brazo y se me torció la cara"),
        ("stroke", "creo que mi mamá tiene un derrame cerebral"),
        ("stroke", "My face is drooping"),
        ("stroke", "he can't speak and his mouth is drooping"),
        ("suicide", "Quiero morirme"),
        ("suicide", "ya no quiero vivir"),
        ("suicide", "estoy pensando en quitarme la vida"),
        ("suicide", "I want to kill myself"),
        ("suicide", "I don't want to live anymore"),
        ("bleeding", "Estoy sangrando mucho y no para"),
        ("bleeding", "vomité sangre"),
        ("bleeding", "I'm bleeding heavily"),
        ("anaphylaxis", "se me está cerrando la garganta"),
        ("anaphylaxis", "se me hincha la lengua"),
        ("anaphylaxis", "my throat is closing up"),
        ("breathing", "no puedo respirar"),
        ("breathing", "I can't breathe"),
        ("unconscious", "mi papá está inconsciente"),
        ("unconscious", "my son is having a seizure"),
        ("poisoning", "mi hijo tomó cloro"),
        ("poisoning", "I took too many pills"),
        ("chest_pain", "No tengo fiebre, pero me duele mucho el pecho"),
        ("chest_pain", "Hace dos años tuve un infarto y ahora me duele el pecho"),
    ],
)
def test_an_emergency_is_recognised(sign: str, text: str) -> None:
    assert sign in red_flags(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hola, quiero una cita de cardiología",
        "No me duele el pecho",
        "no tengo dolor de pecho",
        "No he tenido dolor en el pecho",
        "Sin dolor en el pecho ni fiebre",
        "I don't have chest pain",
        "no chest pain, just a cough",
        "I have no signs of a stroke",
        "No quiero morirme, solo pedir una cita",
        "Tuve un infarto hace cinco años",
        "My mother had a heart attack ten years ago",
        "I have a family history of stroke signs of stroke",
        "Me duele la cabeza",
        "Me duele la rodilla mucho",
        "my back hurts",
        "Quiero vivir mejor",
        "necesito un examen de sangre",
        "I need a blood test",
        "Se me cayó una muela",
    ],
)
def test_what_is_no_emergency_goes_to_the_assistant(text: str) -> None:
    assert red_flags(text) == []
    assert emergency_answer(text, "es") is None


def test_the_answer_names_the_clinics_emergency_number(settings: object) -> None:
    settings.EMERGENCY_NUMBER = "112"  # type: ignore[attr-defined]

    assert "112" in (emergency_answer("me duele el pecho", "es") or "")
    assert (emergency_answer("I want to kill myself", "en") or "").count("112") == 2


def through(gate: TruthGate, text: str, size: int) -> str:
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    return "".join(gate.release(piece) for piece in pieces) + gate.finish("en")


NOTE = " Nothing has been booked, changed or cancelled yet: I will tell you here with a reference."


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    "claim",
    [
        "Your appointment is booked.",
        "I have scheduled your appointment with Dr. Ruiz.",
        "We've cancelled the appointment.",
        "You are all set!",
        "Tu cita quedó confirmada para el lunes.",
        "He reservado tu cita.",
        "La cita ha sido cancelada.",
        "Cita confirmada.",
        "Te hemos registrado.",
        "Your appointment has been rescheduled to Monday.",
    ],
)
def test_a_claim_of_what_was_not_done_is_held_back(claim: str, size: int) -> None:
    shown = through(TruthGate(done=[]), f"Hello there. {claim} Anything else?", size)

    assert shown.startswith("Hello there.")
    assert "Anything else?" in shown
    assert shown.endswith(NOTE)
    assert claim not in shown


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "Shall I book the appointment for Monday at 10:30? Say yes.",
        "Your appointment is not booked yet.",
        "¿Confirmo tu cita del lunes?",
        "Tu cita aún no está confirmada.",
        "I can book, move and cancel appointments.",
        "The clinic opens at 8. Dr. Ruiz is there on Mondays.",
        "Line one\nLine two 3.5 mg\n",
    ],
)
def test_what_claims_nothing_passes_letter_by_letter(text: str, size: int) -> None:
    assert through(TruthGate(done=[]), text, size) == text


def test_what_was_done_may_be_said() -> None:
    text = "Your appointment is booked."

    assert through(TruthGate(done=["booked"]), text, 4) == text
    assert through(TruthGate(done=["cancelled"]), text, 4) != text


def test_a_stored_appointment_may_be_told_by_its_reference() -> None:
    text = "Your appointment HM-7K3Q9X is confirmed for Monday."

    assert through(TruthGate(done=[], references=["HM-7K3Q9X"]), text, 4) == text


def test_text_without_a_claim_is_not_held() -> None:
    gate = TruthGate(done=[])

    assert [gate.release(piece) for piece in ("Buenos ", "días", ", Laura")] == ["Buenos ", "días", ", Laura"]
