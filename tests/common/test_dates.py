from datetime import date

import pytest
import time_machine

from healthmate.common.dates import dates_in, part_of_day_of, span_of

MAY_14 = {date(1990, 5, 14)}


@pytest.mark.parametrize(
    "text",
    [
        "1990-05-14",
        "mi CD es 30995750 y nací el 1990-05-14.",
        "CD,30995750,1990-05-14",
        "1990/5/14",
        "1990.05.14",
        "14/05/1990",
        "14-5-1990",
        "14.05.1990.",
        "14 05 1990",
        "14 / 05 / 1990",
        "05/14/1990",
        "14/05/90",
        "14-05-90, gracias",
        "14 de mayo de 1990",
        "14 de Mayo del 1990",
        "el 14 de mayo del año 1990",
        "14 mayo 1990",
        "14 MAY 1990",
        "14-may-1990",
        "14/mayo/90",
        "mayo 14 de 1990",
        "Mayo 14, 1990",
        "May 14, 1990",
        "May 14 1990",
        "May 14th 1990",
        "may. 14th, 1990",
        "14th of May 1990",
        "14th of May, 1990",
        "the 14th May 1990",
        "1990 May 14",
        "14 de mayo de 90",
        "14may1990",
        "CD30995750 14mayo1990",
        "catorce de mayo de mil novecientos noventa",
        "catorce (14) de mayo de 1990",
        "el catorce de mayo del noventa",
        "May fourteenth, nineteen ninety",
        "the fourteenth of May, nineteen-ninety",
        "May 14, '90",
        "nací 14\nde   mayo de 1990",
        "１９９０-０５-１４",
    ],
)
def test_a_full_date_is_found_however_it_is_written(text):
    assert dates_in(text) == MAY_14


def test_figures_that_can_be_read_in_two_ways_give_both():
    assert dates_in("04/05/1990") == {date(1990, 5, 4), date(1990, 4, 5)}


def test_several_dates():
    assert dates_in("14/05/1990 no, 15 de sept. de 1991") == {date(1990, 5, 14), date(1991, 9, 15)}


@pytest.mark.parametrize("name", ["ene", "enero", "Jan", "January"])
def test_short_names_of_months(name):
    assert dates_in(f"3 {name} 2001") == {date(2001, 1, 3)}


@time_machine.travel("2026-11-21 15:00Z")
def test_a_year_of_two_figures_is_not_after_today():
    assert dates_in("21/11/26") == {date(2026, 11, 21)}
    assert dates_in("22/11/26") == {date(1926, 11, 22)}
    assert dates_in("1 de enero de 07") == {date(2007, 1, 1)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30.995.750",
        "30 995 750",
        "30995750",
        "tel. 300-555-12-34",
        "mayo de 1990",
        "14 de mayo",
        "31/02/1990",
        "14 de mayo, 10:00",
        "May 14, 10 am",
        "2026-13-45",
        "14/05/3000",
        "1/2/3",
    ],
)
def test_what_is_not_a_full_date_is_none(text):
    assert dates_in(text) == set()


SATURDAY = date(2026, 11, 21)


def day(month: int, of: int, year: int = 2026) -> tuple[date, date]:
    return date(year, month, of), date(year, month, of)


def days(first: tuple[int, int], last: tuple[int, int]) -> tuple[date, date]:
    return date(2026, *first), date(2026, *last)


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("hoy", day(11, 21)),
        ("today please", day(11, 21)),
        ("esta tarde", day(11, 21)),
        ("mañana", day(11, 22)),
        ("mañana por la mañana", day(11, 22)),
        ("tomorrow morning", day(11, 22)),
        ("pasado mañana en la tarde", day(11, 23)),
        ("the day after tomorrow", day(11, 23)),
        ("por la mañana", None),
        ("prefiero la mañana", None),
        ("Buenos días, quiero una cita", None),
        ("el martes", day(11, 24)),
        ("el próximo martes", day(11, 24)),
        ("martes que viene por la tarde", day(11, 24)),
        ("next Tuesday", day(11, 24)),
        ("this Friday", day(11, 27)),
        ("on Wednesday", day(11, 25)),
        ("los miércoles", day(11, 25)),
        ("el sábado", day(11, 28)),
        ("este sábado", day(11, 21)),
        ("el martes de la próxima semana", day(11, 24)),
        ("la próxima semana", days((11, 23), (11, 29))),
        ("la semana que viene", days((11, 23), (11, 29))),
        ("next week", days((11, 23), (11, 29))),
        ("esta semana", days((11, 21), (11, 22))),
        ("este fin de semana", days((11, 21), (11, 22))),
        ("next weekend", days((11, 28), (11, 29))),
        ("el 3 de diciembre", day(12, 3)),
        ("3 de diciembre, 10 de la mañana", day(12, 3)),
        ("December 3rd", day(12, 3)),
        ("3rd of December at 10", day(12, 3)),
        ("el 5 de enero", day(1, 5, 2027)),
        ("2026-12-03", day(12, 3)),
        ("3/12/2026", day(12, 3)),
        ("3/12", day(12, 3)),
        ("12/24", day(12, 24)),
        ("martes 8 de diciembre", day(12, 8)),
        ("el 24", day(11, 24)),
        ("el día 3", day(12, 3)),
        ("del 3 al 5 de diciembre", days((12, 3), (12, 5))),
        ("entre el 3 y el 5 de diciembre", days((12, 3), (12, 5))),
        ("December 3 to 5", days((12, 3), (12, 5))),
        ("between Tuesday and Thursday", days((11, 24), (11, 26))),
        ("del jueves al lunes", days((11, 26), (11, 30))),
        ("el lunes o el martes", days((11, 23), (11, 24))),
        ("en dos semanas", days((11, 30), (12, 6))),
        ("in two weeks", days((11, 30), (12, 6))),
        ("in 3 days", day(11, 24)),
        ("dentro de tres días", day(11, 24)),
        ("en ocho días", days((11, 28), (11, 29))),
        ("en las próximas dos semanas", days((11, 21), (12, 5))),
        ("next two weeks", days((11, 21), (12, 5))),
        ("este mes", days((11, 21), (11, 30))),
        ("el próximo mes", days((12, 1), (12, 31))),
        ("next month", days((12, 1), (12, 31))),
        ("en diciembre", days((12, 1), (12, 31))),
        ("antes del viernes", days((11, 21), (11, 26))),
        ("después del martes", (date(2026, 11, 25), date(2027, 2, 22))),
        ("from Monday", (date(2026, 11, 23), date(2027, 2, 21))),
        ("el lunes no puedo, mejor el martes", days((11, 23), (11, 24))),
        ("no puedo el lunes, mejor el martes", day(11, 24)),
        ("not Monday but Tuesday", day(11, 24)),
        ("lo antes posible", None),
        ("as soon as possible, may I?", None),
        ("quiero el 3", None),
        ("la segunda opción", None),
        ("", None),
    ],
)
def test_words_about_when_give_the_days_they_mean(words, span):
    assert span_of(words, SATURDAY) == span


def test_the_days_are_seen_from_the_day_it_is_said():
    tuesday = date(2026, 11, 24)
    assert span_of("el martes", tuesday) == day(12, 1)
    assert span_of("this Tuesday", tuesday) == day(11, 24)
    assert span_of("next Thursday", tuesday) == day(12, 3)
    assert span_of("el jueves", tuesday) == day(11, 26)
    assert span_of("29 de febrero", tuesday) == day(2, 29, 2028)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("mañana", None),
        ("mañana por la mañana", "morning"),
        ("tomorrow morning", "morning"),
        ("en la mañana", "morning"),
        ("las mañanas", "morning"),
        ("a primera hora", "morning"),
        ("el martes por la tarde", "afternoon"),
        ("esta tarde", "afternoon"),
        ("in the afternoon", "afternoon"),
        ("por la noche", "evening"),
        ("tonight", "evening"),
        ("Buenas tardes, quiero una cita", None),
        ("Good morning!", None),
        ("Buenos días, una cita por la tarde", "afternoon"),
        ("por la mañana o por la tarde", None),
        ("más tarde", None),
        ("a las 10", "morning"),
        ("a las 3", "afternoon"),
        ("at 3pm", "afternoon"),
        ("7:30 p. m.", "evening"),
        ("9 a.m.", "morning"),
        ("16:00", "afternoon"),
        ("el 3 de diciembre", None),
        ("", None),
    ],
)
def test_the_part_of_the_day(words, part):
    assert part_of_day_of(words) == part
