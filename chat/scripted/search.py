"""What to search the agenda for, from everything that the person has asked of it, and what of it to offer."""

import re
from datetime import date, timedelta
from typing import Any

from chat.scripted import choices, understanding
from chat.scripted.conversation import ToolRecord
from chat.scripted.questions import Question, asked_in
from chat.scripted.state import MAX_OFFERED, Item, State, found_slots
from chat.scripted.understanding import CANCEL, LIST, MOVE
from healthmate.common.dates import hours_in, part_of_day_of, span_of
from healthmate.common.dates.words import MONTHS
from healthmate.common.text import fold

GENERAL, FOR_CHILDREN = "medicina general", "pediatría"
MAX_WHEN = 200
_NO_SEARCH = frozenset({CANCEL, LIST, "hours", "price", "insurance", "address", "telephone"})

# What leads to the new time, and what to the old one, in a wish to move an appointment.
_TO_A_TIME = (" al ", " a la ", " a las ", " para ", " to ", " por la ", " hacia ", " for ", " until ", " en la ")
_FROM_A_TIME = (" del ", " de la ", " de las ", " from ", " on ")

_FOLLOWING = re.compile(r"\b(?:following|siguiente|day after|dia despues|next day)\b")

Arguments = dict[str, Any]


def wishes(state: State) -> Arguments:
    """The arguments of the next search: those of the last one, changed by what was said since."""
    last = state.search
    if last and state.goal == MOVE and last.turn < state.goal_since:
        last = None  # it was for another errand
    asked: Arguments = dict(last.arguments) if last else {}
    since = last.turn if last else max(state.fresh_since, state.goal_since - 1 if state.goal == MOVE else 0)
    for turn in range(since + 1, state.turn + 1):
        _change(state, asked, turn)
    return asked


def says_what(state: State) -> bool:
    """Whether the message names a specialty, a doctor or a time."""
    return bool(
        understanding.specialty_in(state.text)
        or understanding.practitioner_in(state.text, doctors(state))
        or understanding.time_words(state.text, state.c.today)
    )


def doctors(state: State) -> list[str]:
    """The doctors whom the tools have named."""
    listed = [
        item
        for record in state.c.records
        for key in ("slots", "alternatives", "appointments")
        for item in (record.output.get(key) or ())
        if isinstance(item, dict)
    ]
    return list({str(item.get("practitioner") or "") for item in listed} - {""})


def with_default(state: State, asked: Arguments) -> Arguments:
    """General medicine (pediatrics for a child) when neither a specialty nor a doctor was named."""
    if asked.get("specialty") or asked.get("practitioner"):
        return asked
    for_child = any(understanding.speaks_of_child(text) for text in state.c.said)
    return {"specialty": FOR_CHILDREN if for_child else GENERAL} | asked


def is_default(state: State, record: ToolRecord) -> bool:
    """Whether a search was for general medicine only because nothing was named."""
    said = any(understanding.specialty_in(text) for text in state.c.said)
    return record.arguments.get("specialty") in {GENERAL, FOR_CHILDREN} and not said


def best(state: State, record: ToolRecord) -> tuple[list[Item], bool]:
    """What to offer of what was found, and whether it is what was asked for: nearest to the hour, new where asked."""
    found = found_slots(record)
    exact = bool(record.output.get("slots"))
    hours = hours_in(str(record.arguments.get("when") or ""))
    if hours and not hours.is_moment:
        fitting = [slot for slot in found if hours.fits(choices.minute_of(slot))]
        return (fitting or found)[:MAX_OFFERED], exact and bool(fitting)
    if hours:
        nearest = sorted(found, key=lambda slot: abs(choices.minute_of(slot) - hours.first))[:MAX_OFFERED]
        is_there = any(choices.minute_of(slot) == hours.first for slot in found)
        return sorted(nearest, key=lambda slot: str(slot.get("starts_at"))), exact and is_there
    if asks_for_others(state):
        found = [slot for slot in found if not state.was_told(slot)] or found
    return found[:MAX_OFFERED], exact


def asks_for_others(state: State) -> bool:
    """Whether the message asks for times that have not been shown."""
    return choices.wants_more(state.text) or choices.wants_part(state.text) is not None


def next_page(state: State, record: ToolRecord) -> Arguments | None:
    """The search that goes on after one whose times have all been shown already."""
    found = found_slots(record)
    days = sorted(day for slot in found if (day := choices.day_of(slot)))
    is_second = sum(r.name == "find_slots" for r in state.c.new_records) > 1
    if not days or is_second or not asks_for_others(state) or not all(map(state.was_told, found)):
        return None
    following = dict(record.arguments)
    _from(state, following, days[-1] + timedelta(days=1))
    return following


def _change(state: State, asked: Arguments, turn: int) -> None:
    text = state.c.said[turn - 1]
    which = asked_in(state.c.answer_to(turn - 1)) is Question.WHICH_TO_MOVE
    picked_one = turn < state.turn and asked_in(state.c.answer_to(turn)) in {Question.CONFIRM, Question.MOVE}
    if which or picked_one or understanding.wish_of(text) in _NO_SEARCH:
        return
    to_move = understanding.wish_of(text) == MOVE and state.goal == MOVE
    if not to_move:  # there they tell which appointment
        _change_who(state, asked, text, turn)
    words = source_and_target(text)[1] if to_move else text
    when = understanding.time_words(words, state.c.today)
    if when:
        _change_when(state, asked, when)
    elif choices.wants_other_day(text) and (days := _days_offered(state)):
        _from(state, asked, days[-1] + timedelta(days=1))
    elif (part := choices.wants_part(text)) and not all(choices.is_in_part(slot, part) for slot in state.offered):
        asked["part_of_day"] = part
    elif (part or choices.wants_more(text)) and (days := _days_offered(state)):
        _from(state, asked, days[-1])


def _change_who(state: State, asked: Arguments, text: str, turn: int) -> None:
    specialty = understanding.specialty_in(text)
    doctor = understanding.practitioner_in(text, doctors(state))
    if not specialty and not doctor and asked_in(state.c.answer_to(turn - 1)) is Question.SPECIALTY:
        doctor = understanding.bare_practitioner_in(text) if not choices.is_no_matter(text) else None
    if specialty or doctor:
        asked.pop("specialty", None)
        asked.pop("practitioner", None)
    if specialty:
        asked["specialty"] = specialty
    if doctor:
        asked["practitioner"] = doctor[:100]
    elif understanding.wants_other_doctor(text):
        asked.pop("practitioner", None)


def _change_when(state: State, asked: Arguments, when: str) -> None:
    """New days replace the old ones; a part of the day or an hour alone goes with the days asked before."""
    today = state.c.today
    before = str(asked.pop("when", "") or "")
    names_days = span_of(when, today) is not None
    part, has_hour = part_of_day_of(when), hours_in(when) is not None
    asked.pop("part_of_day", None)
    if names_days:
        asked.pop("date_from", None)
        asked.pop("date_to", None)
        month = next((word for word in fold(before).split() if word in MONTHS), None)
        names_month = any(word in MONTHS for word in fold(when).split())
        figure = next((word for word in when.split() if word.isdecimal() and int(word) <= 31), None)  # noqa: PLR2004
        if month and not names_month and figure and hours_in(when) is None:
            when = f"{figure} de {month}"  # "in December", then "the 15th"
    elif span_of(before, today):
        when = f"{before[:MAX_WHEN]}, {when}"
        if part and not has_hour:
            asked["part_of_day"] = part
    asked["when"] = when[-MAX_WHEN:]


def _from(state: State, asked: Arguments, day: date) -> None:
    """Search from a day on; an hour or a part of the day that was asked for stays."""
    asked.pop("date_to", None)
    if span_of(str(asked.get("when") or ""), state.c.today):
        asked.pop("when")
    asked["date_from"] = day.isoformat()


def _days_offered(state: State) -> list[date]:
    return sorted(day for slot in state.offered if (day := choices.day_of(slot)))


def source_and_target(text: str) -> tuple[str, str]:
    """Of a wish to move something, what and where to: "the one on Monday to Thursday" means to Thursday."""
    plain = f" {fold(text)} "
    places = [place for mark in _TO_A_TIME if (place := plain.find(mark)) >= 0]
    if places:
        return plain[: min(places)], plain[min(places) :]
    return plain, "" if any(mark in plain for mark in _FROM_A_TIME) else plain


def from_appointment(asked: Arguments, moving: Item) -> Arguments:
    """The wish with "the following Monday" counted from the appointment that is to be moved."""
    when, day = str(asked.get("when") or ""), choices.day_of(moving)
    if day is None or not _FOLLOWING.search(when):
        return asked
    span = span_of(when, day) or (day + timedelta(days=1), day + timedelta(days=1))
    rest = {key: value for key, value in asked.items() if key not in {"when", "date_from", "date_to"}}
    if part := part_of_day_of(when):
        rest["part_of_day"] = part
    return rest | {"date_from": span[0].isoformat(), "date_to": span[1].isoformat()}
