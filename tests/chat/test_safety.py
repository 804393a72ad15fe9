"""Claims of what was not done are held back."""

import pytest

from chat.safety.truth import TruthGate


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
