"""Finding out who is writing: by document and birth date, or by registering."""

from typing import Any

from chat.scripted import identity_words, phrases
from chat.scripted.moves import Call, Move, Say
from chat.scripted.state import State
from chat.scripted.understanding import BOOK, REGISTER
from healthmate.common.text import fold


def identify(state: State) -> Move | None:
    """Use what the message tells of the person, together with what was told before; each triple is tried once."""
    if state.c.identified and state.wish is None and _repeats_identity(state):
        return Say(f"{phrases.thanks_to(state.c)} {phrases.what_next()}")
    if not _tells_identity(state) or (state.goal == REGISTER and not state.c.identified):
        return None
    document, birth_date = state.document(), state.birth_date()
    if not document or not document[0] or not birth_date:
        return Say(phrases.ask_rest_of_identity(state.c, document, birth_date))
    arguments = {"document_type": document[0], "document_number": document[1], "birth_date": birth_date}
    if refusal := _refusal_of(state, arguments):
        return Say(phrases.tried_already(refusal))
    return Call("fetch_patient_info", arguments)


def register(state: State) -> Move:
    """Ask for what a registration needs, then register: the tool asks for consent."""
    since = _registration_since(state)
    document, birth_date, name = state.document(since=since), state.birth_date(since=since), state.name()
    if not (document and document[0] and birth_date and name):
        if document and not document[0]:
            return Say(phrases.ask_rest_of_identity(state.c, document, birth_date))
        return Say(phrases.ask_registration(state.c, document, birth_date, name))
    arguments = {"document_type": document[0], "document_number": document[1], "birth_date": birth_date}
    return Call("create_patient", arguments | {"full_name": name} | state.contacts())


def ask(state: State, *, slot: dict[str, Any] | None = None) -> Say:
    """Ask who is writing, or for what is missing of it."""
    document, birth_date = state.document(), state.birth_date()
    failed = state.c.last("fetch_patient_info")
    if (document or birth_date) and not slot and not (failed and failed.code):
        return Say(phrases.ask_rest_of_identity(state.c, document, birth_date))
    return Say(phrases.ask_identity(state.c, for_booking=state.goal == BOOK, slot=slot))


def _tells_identity(state: State) -> bool:
    today = state.c.today
    document = identity_words.document_in(state.text, today)
    birth_date = identity_words.birth_date_in(state.text, today)
    if state.c.identified:
        return bool(document and birth_date) and _is_somebody_else(state)
    if document or birth_date:
        return True
    return bool(state.document() and state.document_type(state.turn))


def _repeats_identity(state: State) -> bool:
    """Whether somebody who is known already identifies themselves again, and says nothing else."""
    told = identity_words.document_in(state.text, state.c.today) and identity_words.birth_date_in(
        state.text, state.c.today
    )
    return bool(told) and not _is_somebody_else(state)


def _is_somebody_else(state: State) -> bool:
    """Whether the message identifies another person than the one who is known (a child, say)."""
    known = state.c.last("fetch_patient_info")
    document = identity_words.document_in(state.text, state.c.today)
    if known is None or document is None:
        return False
    return _number(known.arguments.get("document_number")) != _number(document[1])


def _refusal_of(state: State, arguments: dict[str, Any]) -> str | None:
    """The refusal's sentence, if exactly this was tried and did not match."""
    for record in state.c.records:
        if record.name != "fetch_patient_info" or record.code != "IDENTITY_NOT_MATCHED":
            continue
        same = all(record.arguments.get(key) == arguments[key] for key in ("document_type", "birth_date"))
        if same and _number(record.arguments.get("document_number")) == _number(arguments["document_number"]):
            return record.message
    return None


def _number(number: Any) -> str:
    return "".join(character for character in fold(str(number)) if character.isalnum())


def _registration_since(state: State) -> int:
    """From which message on the data count: what failed to identify somebody must be given again."""
    failed = [r.turn for r in state.c.records if r.name == "fetch_patient_info" and r.code]
    return failed[-1] + 1 if failed else 1
