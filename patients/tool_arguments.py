"""What a model may put into the patients' tools; the descriptions are what it reads."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BeforeValidator, Field

from healthmate.common.tools import ToolArguments

LARGEST_ID = 2**63 - 1
MAX_REASON = 300


def _printable(text: str) -> str:
    """Control characters, NUL among them, have no place in a name or a number."""
    if not text.isprintable():
        raise ValueError("must be printable text in one line")
    return text


def _blank_is_none(value: Any) -> Any:
    """Models send an empty string, or the word null, for what they leave out."""
    return None if isinstance(value, str) and value.strip().lower() in ("", "null", "none") else value


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_REASON]


def _email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as error:
        raise ValueError("must be an email address") from error
    return text


Line = Annotated[str, AfterValidator(_printable)]
Email = Annotated[str, AfterValidator(_email)]
Blank = BeforeValidator(_blank_is_none)
Reason = Annotated[str, AfterValidator(_one_line)]

BIRTH_DATE = "The person's birth date as YYYY-MM-DD. Only a date that they wrote themselves in this conversation."
APPOINTMENT_ID = "The appointment_id that propose_appointment or list_appointments gave."
SLOT_ID = "The slot_id of one of the times that find_slots gave."


class Document(ToolArguments):
    """A person's document and birth date."""

    document_type: Line = Field(
        max_length=10,
        description=(
            "Code of the type of document: CC cédula de ciudadanía, CE cédula de extranjería, TI tarjeta de identidad, "
            "RC registro civil, PA passport, PE permiso especial de permanencia, PT permiso por protección temporal, "
            "CD carné diplomático, SS social security or foreign national number, MR medical record number."
        ),
    )
    document_number: Line = Field(
        min_length=1,
        max_length=60,
        description="The number of the document as the person wrote it in this conversation. Never guess it.",
    )
    birth_date: date = Field(description=BIRTH_DATE)


class Registration(Document):
    """What a person gives to be registered."""

    full_name: Line = Field(
        min_length=3, max_length=200, description="First name and surnames, as the person wrote them."
    )
    phone: Annotated[Line | None, Blank] = Field(
        default=None, max_length=50, description="Phone number, if the person gave one."
    )
    email: Annotated[Email | None, Blank] = Field(default=None, description="Email address, if the person gave one.")


class SlotWish(ToolArguments):
    """What a person looks for in the agenda."""

    specialty: Annotated[Line | None, Blank] = Field(
        default=None, max_length=100, description="Medical specialty, in Spanish or English, if the person named one."
    )
    practitioner: Annotated[Line | None, Blank] = Field(
        default=None, max_length=100, description="Name of the doctor, if the person named one."
    )
    date_from: Annotated[date | None, Blank] = Field(default=None, description="First day wanted, as YYYY-MM-DD.")
    date_to: Annotated[date | None, Blank] = Field(
        default=None, description="Last day wanted, included, as YYYY-MM-DD; the same as date_from for one day."
    )
    part_of_day: Annotated[Literal["morning", "afternoon", "evening"] | None, Blank] = Field(
        default=None, description="Part of the day, if the person named one."
    )
    when: Annotated[Reason | None, Blank] = Field(
        default=None,
        description=(
            "The person's own words about when, like 'el martes por la tarde' or 'next week'. "
            "Prefer this to working out dates yourself."
        ),
    )


class Proposal(ToolArguments):
    """A slot to hold."""

    slot_id: int = Field(ge=1, le=LARGEST_ID, description=SLOT_ID)
    reason: Annotated[Reason | None, Blank] = Field(
        default=None, description="Why the person wants to be seen, in a few of their words."
    )


class Confirmation(ToolArguments):
    """An appointment to book."""

    appointment_id: UUID = Field(description=APPOINTMENT_ID)


class Move(ToolArguments):
    """An appointment and where it goes."""

    appointment_id: UUID = Field(description=APPOINTMENT_ID)
    slot_id: int = Field(ge=1, le=LARGEST_ID, description=SLOT_ID)


class Cancellation(ToolArguments):
    """An appointment to cancel."""

    appointment_id: UUID = Field(description=APPOINTMENT_ID)
    reason: Annotated[Reason | None, Blank] = Field(default=None, description="Why, if the person said so.")


class Nothing(ToolArguments):
    """No arguments."""
