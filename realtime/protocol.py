"""The frames of seed 3: what clients may send, and what they are sent. Each frame's JSON Schema is in `schemas/`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, assert_never

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from msgspec import UNSET, Meta, UnsetType

from chat.events import (
    AnswerEnded,
    AnswerStarted,
    AnyRunEvent,
    Citation,
    Evidence,
    PatientInfo,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunStarted,
    StatusChanged,
    TokenDelta,
    ToolCalled,
    ToolFinished,
)
from chat.services.clinical import BUILDING_CONTEXT, GENERATING, SEARCHING_PATIENT, VECTOR_SEARCH, timestamp
from healthmate.common import errors
from healthmate.common.errors import ApiError, ErrorCode

TOO_BIG = 1009  # RFC 6455, 7.4.1
UNAUTHORIZED, FORBIDDEN, RATE_LIMITED = 4401, 4403, 4429  # close codes of our own, after HTTP's

CODES = {  # what the wire calls an error; everything else is a PROCESSING_ERROR
    error.code: error.code
    for error in (
        errors.INVALID_REQUEST,
        errors.UNAUTHORIZED,
        errors.FORBIDDEN,
        errors.PATIENT_NOT_FOUND,
        errors.RUN_ACTIVE,
        errors.RATE_LIMITED,
        errors.PROCESSING_ERROR,
        errors.LLM_ERROR,
        errors.LLM_TIMEOUT,
        errors.VECTOR_SEARCH_TIMEOUT,
        errors.REQUEST_TIMEOUT,
    )
} | {errors.INVALID_TOKEN.code: errors.UNAUTHORIZED.code}

STATUS_MESSAGES = {
    SEARCHING_PATIENT: gettext_lazy("🔍 Looking for the patient..."),
    VECTOR_SEARCH: gettext_lazy("🔎 Searching the record..."),
    BUILDING_CONTEXT: gettext_lazy("📋 Building the clinical context..."),
    GENERATING: gettext_lazy("🤖 Writing the answer..."),
}

# --- From the client ----------------------------------------------------------------------------------

SAFE = 2**53 - 1  # the numbers that every JSON parser keeps
SessionId = Annotated[str, Meta(min_length=1, max_length=128)]


class FromClient(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of what clients send; fields that nobody knows are passed over."""


class Query(FromClient, frozen=True, kw_only=True, tag="query"):
    """A question about one patient's record."""

    session_id: SessionId
    document_type_id: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    document_number: Annotated[str, Meta(min_length=1, max_length=120)]
    question: Annotated[str, Meta(min_length=1)]


class Ping(FromClient, frozen=True, kw_only=True, tag="ping"):
    """Keep-alive."""


class Cancel(FromClient, frozen=True, kw_only=True, tag="cancel"):
    """Stop a session's answer."""

    session_id: SessionId


class Resume(FromClient, frozen=True, kw_only=True, tag="resume"):
    """Read a session's answer on from the frame after `after`."""

    session_id: SessionId
    after: Annotated[int, Meta(ge=0)] = 0


ClientFrame = Query | Ping | Cancel | Resume
_decode_frame: Callable[[str], ClientFrame] = msgspec.json.Decoder(ClientFrame).decode


class BadFrameError(Exception):
    """A frame that is none of seed 3's; `session_id` where it names one."""

    def __init__(self, reason: str, session_id: str | None = None) -> None:
        super().__init__(reason)
        self.error = ApiError(errors.INVALID_REQUEST, message=reason)
        self.session_id = session_id


def decode(text: str) -> ClientFrame:
    """A client's frame. Raises BadFrameError with a sentence that names what is wrong."""
    try:
        frame = _decode_frame(text)
    except msgspec.ValidationError as error:
        raise BadFrameError(_("The frame is not valid: %(reason)s.") % {"reason": error}, _session_of(text)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise BadFrameError(_("A frame is one JSON object.")) from None
    if isinstance(frame, Query):
        _check(frame)
    elif isinstance(frame, Cancel | Resume):
        _check_text(frame.session_id, frame.session_id)
    return frame


def _check(query: Query) -> None:
    if not query.question.strip() or not query.document_number.strip():
        raise BadFrameError(_("A question and a document number may not be blank."), query.session_id)
    if len(query.question) > settings.MAX_MESSAGE_CHARS:
        limit = {"limit": settings.MAX_MESSAGE_CHARS}
        raise BadFrameError(_("A question may have %(limit)d characters.") % limit, query.session_id)
    for text in (query.question, query.document_number, query.session_id):
        _check_text(text, query.session_id)


def _check_text(text: str, session_id: str) -> None:
    if "\x00" in text:  # PostgreSQL stores none
        raise BadFrameError(_("Text may not contain NUL characters."), session_id)


def _session_of(text: str) -> str | None:
    """The session that a bad frame names, so that its client knows which question was refused."""
    try:
        session_id = msgspec.json.decode(text).get("session_id")
    except (msgspec.DecodeError, AttributeError, RecursionError, UnicodeError):
        return None
    return session_id if isinstance(session_id, str) and 0 < len(session_id) <= 128 else None  # noqa: PLR2004


# --- To the client ------------------------------------------------------------------------------------


class ToClient(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of what clients are sent."""


class Connected(ToClient, frozen=True, kw_only=True, tag="connected"):
    """The socket is open."""

    user_id: str
    message: str


class Pong(ToClient, frozen=True, kw_only=True, tag="pong"):
    """Answer to a ping."""


class Status(ToClient, frozen=True, kw_only=True, tag="status"):
    """What a session is busy with."""

    status: str
    message: str
    session_id: str
    seq: int


class StreamStart(ToClient, frozen=True, kw_only=True, tag="stream_start"):
    """The answer begins."""

    session_id: str
    timestamp: str
    seq: int


class Token(ToClient, frozen=True, kw_only=True, tag="token"):
    """The next piece of the answer."""

    token: str
    session_id: str
    seq: int


class StreamEnd(ToClient, frozen=True, kw_only=True, tag="stream_end"):
    """The answer has no more pieces."""

    session_id: str
    timestamp: str
    seq: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole text, and what it rests on."""

    text: str
    confidence: float
    model_used: str
    citations: list[Citation]


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the patient's records were searched, and how many pieces of them were used."""

    total_records_analyzed: int
    vector_chunks_used: int


class Complete(ToClient, frozen=True, kw_only=True, tag="complete"):
    """The session's last frame; `patient_info` is null when it was cancelled before the patient was found."""

    session_id: str
    timestamp: str
    patient_info: PatientInfo | None
    answer: Answer
    metadata: Metadata
    flags: list[str]
    seq: int


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong."""

    code: str
    message: str


class Error(ToClient, frozen=True, kw_only=True, tag="error"):
    """A refusal; one that ends a session carries its id and, if its run had begun, a number."""

    error: ErrorBody
    session_id: str | UnsetType = UNSET
    seq: int | UnsetType = UNSET


encode: Callable[[ToClient], bytes] = msgspec.json.Encoder().encode
PONG = encode(Pong())


def error_frame(error: ApiError, session_id: str | None = None) -> bytes:
    """A refusal as a frame, in the active language."""
    body = ErrorBody(code=_code(error.error), message=str(error.message))
    return encode(Error(error=body, session_id=session_id or UNSET))


def _code(error: ErrorCode) -> str:
    return CODES.get(error.code, errors.PROCESSING_ERROR.code)


@dataclass(frozen=True)
class SessionFrames:
    """Turns a run's events into the frames of its session."""

    session_id: str
    language: str

    def __call__(self, event: AnyRunEvent) -> bytes:
        """The event's frame."""
        frame: ToClient
        tags: dict[str, Any] = {"session_id": self.session_id, "seq": event.seq}
        match event:
            case TokenDelta():
                frame = Token(token=event.text, **tags)
            case RunStarted() | StatusChanged():
                frame = self._status(event, tags)
            case AnswerStarted():
                frame = StreamStart(timestamp=event.at, **tags)
            case AnswerEnded():
                frame = StreamEnd(timestamp=event.at, **tags)
            case RunCompleted() | RunCancelled():
                frame = _complete(event, tags)
            case RunFailed():
                code = CODES.get(event.code, errors.PROCESSING_ERROR.code)
                frame = Error(error=ErrorBody(code=code, message=event.message), **tags)
            case ToolCalled() | ToolFinished():
                return b""  # nothing of seed 3's: no tools here
            case _:
                assert_never(event)
        return encode(frame)

    def _status(self, event: RunStarted | StatusChanged, tags: dict[str, Any]) -> Status:
        status = event.status if isinstance(event, StatusChanged) else SEARCHING_PATIENT
        with override(self.language):
            return Status(status=status, message=str(STATUS_MESSAGES.get(status, "")), **tags)


def _complete(event: RunCompleted | RunCancelled, tags: dict[str, Any]) -> Complete:
    evidence = event.evidence or Evidence(at=timestamp())
    return Complete(
        timestamp=evidence.at,
        patient_info=evidence.patient,
        answer=Answer(
            text=event.text,
            confidence=evidence.confidence,
            model_used=evidence.model,
            citations=evidence.citations,
        ),
        metadata=Metadata(total_records_analyzed=evidence.records_analyzed, vector_chunks_used=evidence.chunks_used),
        flags=event.flags,
        **tags,
    )
