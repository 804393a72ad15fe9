"""Turns every exception that leaves a view into the error envelope; nothing else shapes errors."""

import logging
import math
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from healthmate.common import errors
from healthmate.common.errors import CHALLENGE, ApiError, ErrorCode

logger = logging.getLogger(__name__)

_BY_EXCEPTION: tuple[tuple[type[Exception], ErrorCode], ...] = (
    (drf.ParseError, errors.INVALID_JSON),
    (drf.ValidationError, errors.INVALID_REQUEST),
    (drf.AuthenticationFailed, errors.INVALID_TOKEN),
    (drf.NotAuthenticated, errors.UNAUTHORIZED),
    (drf.PermissionDenied, errors.FORBIDDEN),
    (PermissionDenied, errors.FORBIDDEN),
    (drf.NotFound, errors.NOT_FOUND),
    (Http404, errors.NOT_FOUND),
    (drf.MethodNotAllowed, errors.METHOD_NOT_ALLOWED),
    (drf.NotAcceptable, errors.NOT_ACCEPTABLE),
    (drf.UnsupportedMediaType, errors.UNSUPPORTED_MEDIA_TYPE),
    (drf.Throttled, errors.RATE_LIMITED),
    (RequestDataTooBig, errors.BODY_TOO_LARGE),
    (SuspiciousOperation, errors.INVALID_REQUEST),
    (UnreadablePostError, errors.INVALID_REQUEST),
    (OperationalError, errors.UNAVAILABLE),
    (InterfaceError, errors.UNAVAILABLE),
)


def to_api_error(exception: Exception) -> ApiError:
    """The contract's error for any exception; what has no entry in the table is logged as ours."""
    if isinstance(exception, ApiError):
        return exception
    for kind, code in _BY_EXCEPTION:
        if isinstance(exception, kind):
            return ApiError(
                code, message=_sentence(exception), details=_details(exception), headers=_headers(exception)
            )
    logger.error("unhandled %s", type(exception).__name__, exc_info=exception)
    return ApiError(errors.INTERNAL_ERROR)


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER."""
    error = to_api_error(exception)
    set_rollback()
    return Response(error.as_dict(), status=error.error.status, headers=_all_headers(error))


def as_json_response(error: ApiError) -> JsonResponse:
    """The envelope for code that runs outside a DRF view."""
    return JsonResponse(error.as_dict(), status=error.error.status, headers=_all_headers(error))


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler404."""
    return as_json_response(ApiError(errors.NOT_FOUND))


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler400."""
    return as_json_response(ApiError(errors.INVALID_REQUEST))


def forbidden(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler403."""
    return as_json_response(ApiError(errors.FORBIDDEN))


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's handler500."""
    return as_json_response(ApiError(errors.INTERNAL_ERROR))


def _details(exception: Exception) -> dict[str, Any] | None:
    if isinstance(exception, drf.ValidationError):
        return {"fields": exception.detail}
    return None


def _sentence(exception: Exception) -> str | None:
    """The first field's complaint: for a small body it says more than a general sentence."""
    if not isinstance(exception, drf.ValidationError):
        return None
    detail: Any = exception.detail
    field = ""
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            name, detail = next(iter(detail.items()))
            field = "" if name == "non_field_errors" else str(name)
        else:
            detail = detail[0]
    return f"{field}: {detail}" if field else str(detail)


def _all_headers(error: ApiError) -> dict[str, str]:
    challenge = {"WWW-Authenticate": CHALLENGE} if error.error.status == HTTPStatus.UNAUTHORIZED else {}
    return {**challenge, **error.headers}


def _headers(exception: Exception) -> dict[str, str]:
    if isinstance(exception, drf.Throttled):
        wait: float | None = getattr(exception, "wait", None)
        return {"Retry-After": str(max(1, math.ceil(wait or 1)))}
    return {}
