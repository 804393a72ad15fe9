import pytest

from healthmate.common.dates import hours_in, without_hours

DAY_END = 24 * 60


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("a las 3", 15),
        ("la de las 9", 9),
        ("las nueve", 9),
        ("a las tres y media", 15.5),
        ("9am", 9),
        ("9 p. m.", 21),
        ("10:30", 10.5),
        ("8h30", 8.5),
        ("half past nine", 9.5),
        ("at ten", 10),
        ("the 9 o'clock one", 9),
        ("las 8 de la noche", 20),
        ("8 in the morning", 8),
        ("a la una", 13),
        ("el jueves 3 de diciembre a las 11", 11),
        ("a las 3 no, a las 5", 17),
    ],
)
def test_an_hour(text: str, hour: float) -> None:
    hours = hours_in(text)
    assert hours
    assert (hours.first, hours.last, hours.is_moment) == (hour * 60, hour * 60, True)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("después de las 3", 15 * 60, DAY_END),
        ("a partir de las 2", 14 * 60, DAY_END),
        ("after 4 pm", 16 * 60, DAY_END),
        ("antes de las 10", 0, 10 * 60),
        ("before noon o before 11", 0, 11 * 60),
        ("entre las 9 y las 11", 9 * 60, 11 * 60),
        ("between 10 and 2 pm", 10 * 60, 14 * 60),
        ("de 2 a 4 de la tarde", 14 * 60, 16 * 60),
        ("from 9 to 11", 9 * 60, 11 * 60),
    ],
)
def test_a_stretch_of_hours(text: str, first: int, last: int) -> None:
    hours = hours_in(text)
    assert hours
    assert (hours.first, hours.last) == (first, last)


@pytest.mark.parametrize(
    "text", ["9", "la 3", "30.995.750", "14.05.1990", "14/05/1990", "after 3 days", "el 3 de diciembre", "del 9 al 11"]
)
def test_no_hour(text: str) -> None:
    assert hours_in(text) is None


def test_a_message_without_its_hours() -> None:
    assert without_hours("la 2, a las 10:30").split() == ["la", "2,", "a", "~"]
