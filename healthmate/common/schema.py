"""How endpoints are described in /openapi.json: examples, errors, who may call."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse
from rest_framework import serializers

from healthmate.common import errors
from healthmate.common.errors import ApiError, ErrorCode

BEARER = "bearer"
DEVICE = "device"
EVENT_STREAM = "text/event-stream"

# For `extend_schema(auth=...)`.
PUBLIC: list[Any] = [{}]
USER_ONLY: list[Any] = [{BEARER: []}]
USER_OR_DEVICE: list[Any] = [{BEARER: []}, {DEVICE: []}]
ANYBODY: list[Any] = [{BEARER: []}, {DEVICE: []}, {}]

# What every endpoint with a body may answer.
BODY_ERRORS = (
    errors.INVALID_REQUEST,
    errors.INVALID_JSON,
    errors.BODY_TOO_LARGE,
    errors.UNSUPPORTED_MEDIA_TYPE,
    errors.RATE_LIMITED,
)

SECURITY_SCHEMES = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` that `POST /auth/login` answers.",
    },
    DEVICE: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Device-ID",
        "description": "The id of the device that a conversation belongs to: a secret, never a person.",
    },
}


class ErrorBody(serializers.Serializer[object]):
    """What went wrong."""

    code = serializers.CharField(help_text="Stable; programs decide by it.")
    message = serializers.CharField(help_text="A sentence for people.")
    details = serializers.DictField(required=False, help_text="More, where there is more to say.")


class ErrorEnvelope(serializers.Serializer[object]):
    """Every error of every endpoint."""

    error = ErrorBody()


def body(serializer: Any, example: Mapping[str, Any]) -> OpenApiRequest:
    """A request's body with an example, for `extend_schema(request=...)`."""
    return OpenApiRequest(request=serializer, examples=[OpenApiExample("Example", value=example, request_only=True)])


def answer(serializer: Any, example: Any, description: str = "") -> OpenApiResponse:
    """A success with an example, for `extend_schema(responses={200: ...})`."""
    return OpenApiResponse(
        response=serializer,
        description=description or "Done.",
        examples=[OpenApiExample("Example", value=example, response_only=True)],
    )


def event_stream(example: str) -> dict[Any, OpenApiResponse]:
    """A success that is a stream of server-sent events, to be merged into `responses`."""
    shown = OpenApiExample("Example", value=example, response_only=True, media_type=EVENT_STREAM)
    return {(200, EVENT_STREAM): OpenApiResponse(response=str, description="Server-sent events.", examples=[shown])}


def nothing(description: str) -> OpenApiResponse:
    """A success without a body (204)."""
    return OpenApiResponse(description=description)


def error_responses(*codes: ErrorCode) -> dict[int, OpenApiResponse]:
    """One response per status, with one example per code, to be merged into `responses`."""
    by_status = sorted(dict.fromkeys(codes), key=lambda code: code.status)
    return {status: _refusal(list(group)) for status, group in groupby(by_status, key=lambda code: code.status)}


def path_parameter(name: str, description: str, *, kind: Any = str) -> OpenApiParameter:
    """A part of the address."""
    return OpenApiParameter(name, kind, OpenApiParameter.PATH, description=description)


def header(name: str, description: str) -> OpenApiParameter:
    """An optional request header."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


def add_security_schemes(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: declare both schemes, whichever endpoints there are."""
    result.setdefault("components", {})["securitySchemes"] = dict(SECURITY_SCHEMES)
    return result


def _refusal(codes: list[ErrorCode]) -> OpenApiResponse:
    return OpenApiResponse(
        response=ErrorEnvelope,
        description=" ".join(f"`{code.code}`: {code.message}" for code in codes),
        examples=[OpenApiExample(code.code, value=ApiError(code).as_dict(), response_only=True) for code in codes],
    )
