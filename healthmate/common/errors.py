"""The errors of the wire contract: one table of codes, one exception that carries them."""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CHALLENGE = 'Bearer realm="HealthMate"'  # of every 401


@dataclass(frozen=True)
class ErrorCode:
    """A stable code with the HTTP status and the sentence that go with it."""

    code: str
    status: int
    message: str | Promise


class ApiError(Exception):
    """A refusal that the client is told about: `{"error": {code, message, details?}}`."""

    def __init__(
        self,
        error: ErrorCode,
        *,
        message: str | Promise | None = None,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.message = message or error.message
        self.details = details
        self.headers = headers or {}

    def as_dict(self) -> dict[str, Any]:
        """The envelope of design section 3."""
        body: dict[str, Any] = {"code": self.error.code, "message": str(self.message)}
        if self.details:
            body["details"] = self.details
        return {"error": body}


INVALID_REQUEST = ErrorCode("INVALID_REQUEST", 400, _("The request is not valid."))
INVALID_JSON = ErrorCode("INVALID_JSON", 400, _("The body is not valid JSON."))
INVALID_DEVICE_ID = ErrorCode(
    "INVALID_DEVICE_ID",
    400,
    _("X-Device-ID must be a version 4 UUID or at least 22 unguessable URL-safe characters; leave it out to get one."),
)
URL_REFUSED = ErrorCode("URL_REFUSED", 400, _("An address that was sent cannot be used."))
INVALID_CREDENTIALS = ErrorCode("INVALID_CREDENTIALS", 401, _("The email or the password is not right."))
UNAUTHORIZED = ErrorCode("UNAUTHORIZED", 401, _("Log in first: send `Authorization: Bearer <token>`."))
INVALID_TOKEN = ErrorCode("INVALID_TOKEN", 401, _("The token is invalid or has expired; log in again."))
FORBIDDEN = ErrorCode("FORBIDDEN", 403, _("You do not have permission to do this."))
NOT_FOUND = ErrorCode("NOT_FOUND", 404, _("There is nothing here under that address."))
THREAD_NOT_FOUND = ErrorCode("THREAD_NOT_FOUND", 404, _("This conversation does not exist or is not yours."))
MESSAGE_NOT_FOUND = ErrorCode("MESSAGE_NOT_FOUND", 404, _("There is no such answer in this conversation."))
PATIENT_NOT_FOUND = ErrorCode("PATIENT_NOT_FOUND", 404, _("There is no patient with that document."))
METHOD_NOT_ALLOWED = ErrorCode("METHOD_NOT_ALLOWED", 405, _("This address does not take that method."))
NOT_ACCEPTABLE = ErrorCode("NOT_ACCEPTABLE", 406, _("Answers here are JSON; adjust the Accept header."))
NOTHING_TO_REGENERATE = ErrorCode(
    "NOTHING_TO_REGENERATE", 409, _("There is no message here to answer again; send one first.")
)
RUN_ACTIVE = ErrorCode("RUN_ACTIVE", 409, _("Too many messages are waiting here; wait for an answer first."))
IDEMPOTENCY_KEY_REUSED = ErrorCode(
    "IDEMPOTENCY_KEY_REUSED", 409, _("This Idempotency-Key was used before with another message.")
)
BODY_TOO_LARGE = ErrorCode("BODY_TOO_LARGE", 413, _("The body is too large."))
MESSAGE_TOO_LONG = ErrorCode("MESSAGE_TOO_LONG", 413, _("The message is too long."))
UNSUPPORTED_MEDIA_TYPE = ErrorCode("UNSUPPORTED_MEDIA_TYPE", 415, _("Send JSON with Content-Type: application/json."))
RATE_LIMITED = ErrorCode("RATE_LIMITED", 429, _("Too many requests; wait a moment and try again."))
INTERNAL_ERROR = ErrorCode("INTERNAL_ERROR", 500, _("Something went wrong on our side; it has been logged."))
LLM_ERROR = ErrorCode(
    "LLM_ERROR", 502, _("The assistant could not finish its answer. Your message is stored; please try again.")
)
LLM_TIMEOUT = ErrorCode(
    "LLM_TIMEOUT", 504, _("The assistant took too long to answer. Your message is stored; please try again.")
)
REQUEST_TIMEOUT = ErrorCode(
    "REQUEST_TIMEOUT", 504, _("The answer took too long. Your message is stored; please try again.")
)
VECTOR_SEARCH_TIMEOUT = ErrorCode(
    "VECTOR_SEARCH_TIMEOUT", 504, _("The search in the record took too long; please try again.")
)
PROCESSING_ERROR = ErrorCode(
    "PROCESSING_ERROR", 500, _("The message could not be processed. It is stored; please try again.")
)
RUN_INTERRUPTED = ErrorCode(
    "RUN_INTERRUPTED", 503, _("The server was restarted while it answered. Your message is stored; please try again.")
)
TRANSCRIPTION_UNAVAILABLE = ErrorCode(
    "TRANSCRIPTION_UNAVAILABLE",
    503,
    _("Recordings cannot be transcribed right now. Nothing was stored; please write instead, or try again later."),
)
UNAVAILABLE = ErrorCode("UNAVAILABLE", 503, _("The service is not available right now; try again shortly."))

BY_CODE = {error.code: error for error in list(globals().values()) if isinstance(error, ErrorCode)}
