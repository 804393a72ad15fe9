"""The base of every REST view: async, strict about bodies, errors in the envelope."""

import io
import json
import math
import unicodedata
from typing import Any, ClassVar, NoReturn

from adrf.requests import AsyncRequest
from adrf.views import APIView
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.errors import ApiError
from healthmate.common.throttles import AddressThrottle

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})  # Unicode categories


class StrictJsonParser(BaseParser):
    """JSON in UTF-8 that PostgreSQL and JSON can hold again: no NUL, no lone surrogates, no NaN."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The body's value. Raises ApiError INVALID_JSON or INVALID_REQUEST."""
        try:
            value = json.loads(stream.read().decode("utf-8-sig"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise ApiError(errors.INVALID_JSON) from None
        _check_values(value)
        return value


class ApiRequest(AsyncRequest):  # type: ignore[misc]
    """A request whose body is read within its limit, with or without a Content-Length."""

    async def authenticate(self) -> None:
        """Find out who asks, on the event loop, before anybody looks at `user`. Raises AuthenticationFailed."""
        for authenticator in self.authenticators:
            try:
                found = await authenticator.authenticate_on_loop(self)
            except AuthenticationFailed:
                self._not_authenticated()
                raise
            if found is not None:
                self.user, self.auth = found
                return

    def _load_stream(self) -> None:
        body = _read_body(self._request)
        self._stream = io.BytesIO(body) if body else None


class ApiView(APIView):  # type: ignore[misc]
    """Authenticates, limits and parses before an async handler runs; a body is a JSON object or nothing."""

    parser_classes: tuple[type[BaseParser], ...] = (StrictJsonParser,)
    throttle_classes: tuple[type[BaseThrottle], ...] = (AddressThrottle,)

    async def async_dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Run the handler; whatever is raised becomes the envelope."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        response: Response
        try:
            response = await self._handle(self.request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        self.response = response = self.finalize_response(self.request, response, *args, **kwargs)
        return response

    async def _handle(self, request: ApiRequest, *args: Any, **kwargs: Any) -> Any:
        await request.authenticate()
        if self.throttle_classes and settings.REDIS_URL:  # counted over the network
            await in_db(self.initial, request, *args, **kwargs)
        else:
            self.initial(request, *args, **kwargs)
        name = (request.method or "").lower()
        handler = getattr(self, name, None) if name in self.http_method_names else None
        if handler is None:
            raise ApiError(errors.METHOD_NOT_ALLOWED)
        if request.method in BODY_METHODS and not _is_object(request.data):
            raise ApiError(errors.INVALID_REQUEST, message=_("The body must be a JSON object."))
        return await handler(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ApiRequest:
        """Wrap Django's request."""
        return ApiRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def check_throttles(self, request: Request) -> None:
        """The first limit that is reached refuses, so that a blocked address does not use up others' limits."""
        for throttle in self.get_throttles():
            if not throttle.allow_request(request, self):
                self.throttled(request, throttle.wait())

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The methods of this address, in `Allow`."""
        return Response(status=204)

    def parsed(self, request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body as `serializer` validates it. Raises DRF's ValidationError (INVALID_REQUEST)."""
        checked = serializer(data=request.data, context={"request": request})
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)


class TextField(serializers.CharField):
    """A string as JSON means it: numbers and booleans are refused, and so is what shows nothing."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": _("Not a valid string.")}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Refuse non-strings and blank text before the usual rules."""
        if data is not serializers.empty and data is not None:
            if not isinstance(data, str):
                self.fail("invalid")
            if self.trim_whitespace and not self.allow_blank and not _shows(data):
                self.fail("blank")
        return super().run_validation(data)


def _is_object(body: Any) -> bool:
    return isinstance(body, dict)


def _shows(text: str) -> bool:
    return any(unicodedata.category(letter) not in INVISIBLE for letter in text)


def _read_body(request: HttpRequest) -> bytes:
    """The whole body. Raises ApiError BODY_TOO_LARGE over DATA_UPLOAD_MAX_MEMORY_SIZE."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if limit is None or hasattr(request, "_body"):
        return request.body
    body: bytes = request.read(limit + 1)
    if len(body) > limit:
        raise ApiError(errors.BODY_TOO_LARGE, details={"limit": limit})
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_values(value: Any) -> None:
    """Walk without recursion, since the value may be nested as deep as the JSON parser goes."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, str):
            _check_text(item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise ApiError(errors.INVALID_REQUEST, message=_("A number in the body is too large."))


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ApiError(errors.INVALID_REQUEST, message=_("Text may not contain NUL characters."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ApiError(errors.INVALID_REQUEST, message=_("Text may not contain half of a surrogate pair.")) from None
