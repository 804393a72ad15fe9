import json

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from healthmate.common import errors
from healthmate.common.errors import ApiError
from healthmate.common.routing import both
from healthmate.common.views import ApiView, TextField

pytestmark = [pytest.mark.urls(__name__)]

RAISED = {
    "ours": ApiError(errors.RUN_ACTIVE, details={"waiting": 20}),
    "unknown": RuntimeError("a secret in an exception"),
    "absent": Http404("a secret in an exception"),
    "forbidden": PermissionDenied("a secret in an exception"),
    "suspicious": SuspiciousOperation("a secret in an exception"),
    "database": OperationalError("a secret in an exception"),
}


class EchoIn(serializers.Serializer):
    text = TextField(max_length=10)
    exact = TextField(required=False, trim_whitespace=False)


class EchoView(ApiView):
    permission_classes = (AllowAny,)

    async def get(self, request):
        if what := request.GET.get("raise"):
            raise RAISED[what]
        return Response({"hello": "there"})

    async def post(self, request):
        return Response(self.parsed(request, EchoIn))


class BodilessView(ApiView):
    permission_classes = (AllowAny,)

    async def post(self, request):
        return Response({"done": True}, status=201)


class PrivateView(ApiView):
    async def get(self, request):
        return Response({})


urlpatterns = [
    *both("echo", EchoView.as_view(), name="echo"),
    *both("slashed/", EchoView.as_view(), name="slashed"),
    *both("bodiless", BodilessView.as_view()),
    *both("private", PrivateView.as_view()),
]
handler404 = "healthmate.common.envelope.not_found"


@pytest.fixture
def call(async_client):
    async def call(method, address, content=None, content_type="application/json", **headers):
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        response = await async_client.generic(
            method, address, body, content_type=content_type, headers={"Accept-Language": "en", **headers}
        )
        return response, json.loads(response.content) if response.content else None

    return call


def envelope(code, message, **details):
    error = {"code": code, "message": message}
    return {"error": {**error, "details": details} if details else error}


async def test_a_body_comes_through_as_it_was_meant(call):
    response, body = await call("POST", "/echo", {"text": "  ¿hola? 👋 ", "exact": " a\n", "more": [1, None]})
    assert (response.status_code, body) == (200, {"text": "¿hola? 👋", "exact": " a\n"})


@pytest.mark.parametrize("address", ["/echo", "/echo/", "/slashed/", "/slashed"])
async def test_both_forms_of_an_address_take_a_body(call, address):
    response, body = await call("POST", address, {"text": "x"})
    assert (response.status_code, body) == (200, {"text": "x"})
    assert (await call("GET", address))[1] == {"hello": "there"}


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"{", "INVALID_JSON", "The body is not valid JSON."),
        (b"", "INVALID_REQUEST", "text: This field is required."),
        (b"   ", "INVALID_JSON", "The body is not valid JSON."),
        (b"\xff\xfe{}", "INVALID_JSON", "The body is not valid JSON."),
        (b'{"text": "\xc3"}', "INVALID_JSON", "The body is not valid JSON."),
        (b'{"text": NaN}', "INVALID_JSON", "The body is not valid JSON."),
        (b'{"text": -Infinity}', "INVALID_JSON", "The body is not valid JSON."),
        (b'{"text": ' + b"9" * 5000 + b"}", "INVALID_JSON", "The body is not valid JSON."),
        (b"[" * 100_000, "INVALID_JSON", "The body is not valid JSON."),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "INVALID_JSON", "The body is not valid JSON."),
        (b'{"text": 1e999}', "INVALID_REQUEST", "A number in the body is too large."),
        (b'{"text": "a\\u0000b"}', "INVALID_REQUEST", "Text may not contain NUL characters."),
        (b'{"text": "a", "more": [{"deep": ["\\u0000"]}]}', "INVALID_REQUEST", "Text may not contain NUL characters."),
        (b'{"text": "a", "\\u0000": 1}', "INVALID_REQUEST", "Text may not contain NUL characters."),
        (b'{"text": "\\ud83d"}', "INVALID_REQUEST", "Text may not contain half of a surrogate pair."),
        (b"[]", "INVALID_REQUEST", "The body must be a JSON object."),
        (b'"text"', "INVALID_REQUEST", "The body must be a JSON object."),
        (b"null", "INVALID_REQUEST", "The body must be a JSON object."),
        (b"7", "INVALID_REQUEST", "The body must be a JSON object."),
    ],
)
async def test_what_is_no_json_object_is_refused(call, content, code, message):
    response, body = await call("POST", "/echo", content)
    assert response.status_code == 400
    assert (body["error"]["code"], body["error"]["message"]) == (code, message)


@pytest.mark.parametrize("depth", [10, 500, 900])
async def test_nesting_is_no_error_where_it_is_ignored(call, depth):
    content = b'{"text": "x", "deep": ' + b"[" * depth + b"]" * depth + b"}"
    response, body = await call("POST", "/echo", content)
    assert (response.status_code, body) == (200, {"text": "x"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "This field may not be null."),
        (7, "Not a valid string."),
        (0, "Not a valid string."),
        (1.5, "Not a valid string."),
        (True, "Not a valid string."),
        (False, "Not a valid string."),
        ([], "Not a valid string."),
        ({}, "Not a valid string."),
        ("", "This field may not be blank."),
        (" \t\r\n", "This field may not be blank."),
        ("\u200b\u2060\ufeff\u00a0", "This field may not be blank."),
        ("x" * 11, "Ensure this field has no more than 10 characters."),
    ],
)
async def test_a_text_field_takes_visible_strings_only(call, text, message):
    response, body = await call("POST", "/echo", {"text": text})
    assert response.status_code == 400
    assert body == envelope("INVALID_REQUEST", f"text: {message}", fields={"text": [message]})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_another_content_type_is_refused(call, content_type):
    response, body = await call("POST", "/echo", b'{"text": "x"}', content_type)
    assert response.status_code == 415
    assert body == envelope("UNSUPPORTED_MEDIA_TYPE", "Send JSON with Content-Type: application/json.")


async def test_json_is_utf8_whatever_its_parameters_say(call):
    for content_type in ("application/json; charset=utf-8", "application/json; charset=latin-1", "Application/JSON"):
        response, body = await call("POST", "/echo", '{"text": "ñ"}'.encode(), content_type)
        assert (response.status_code, body) == (200, {"text": "ñ"})


async def test_a_body_over_the_limit_is_refused(call, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    fits = b'{"text": "x"' + b" " * 87 + b"}"
    assert (await call("POST", "/echo", fits))[0].status_code == 200
    response, body = await call("POST", "/echo", fits + b" ")
    assert response.status_code == 413
    assert body == envelope("BODY_TOO_LARGE", "The body is too large.", limit=100)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": "\\u0000"}'])
async def test_a_view_that_reads_no_body_still_takes_no_bad_one(call, content):
    assert (await call("POST", "/bodiless", content))[0].status_code == 400
    assert (await call("POST", "/bodiless"))[0].status_code == 201
    assert (await call("POST", "/bodiless", content_type="text/plain"))[0].status_code == 201


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "BREW"])
async def test_another_method_is_refused(call, method):
    response, body = await call(method, "/echo")
    assert response.status_code == 405
    assert body == envelope("METHOD_NOT_ALLOWED", "This address does not take that method.")
    assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


async def test_head_and_options_are_fine(call):
    assert (await call("HEAD", "/echo"))[0].status_code == 200
    response, body = await call("OPTIONS", "/echo")
    assert (response.status_code, body) == (204, None)
    assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


async def test_answers_are_json_or_nothing(call):
    response, body = await call("GET", "/echo", Accept="text/csv")
    assert response.status_code == 406
    assert body == envelope("NOT_ACCEPTABLE", "Answers here are JSON; adjust the Accept header.")


@pytest.mark.parametrize(
    ("what", "status", "expected"),
    [
        (
            "ours",
            409,
            envelope("RUN_ACTIVE", "Too many messages are waiting here; wait for an answer first.", waiting=20),
        ),
        ("unknown", 500, envelope("INTERNAL_ERROR", "Something went wrong on our side; it has been logged.")),
        ("absent", 404, envelope("NOT_FOUND", "There is nothing here under that address.")),
        ("forbidden", 403, envelope("FORBIDDEN", "You do not have permission to do this.")),
        ("suspicious", 400, envelope("INVALID_REQUEST", "The request is not valid.")),
        ("database", 503, envelope("UNAVAILABLE", "The service is not available right now; try again shortly.")),
    ],
)
async def test_whatever_is_raised_becomes_the_envelope(call, what, status, expected):
    response, body = await call("GET", f"/echo?raise={what}")
    assert (response.status_code, body) == (status, expected)


async def test_an_address_that_is_not_there(call):
    for address in ("/nowhere", "/echo/more", "/%00", "/" + "x" * 10_000):
        response, body = await call("GET", address)
        assert response.status_code == 404
        assert body == envelope("NOT_FOUND", "There is nothing here under that address.")


async def test_a_view_is_closed_unless_it_says_otherwise(call):
    response, body = await call("GET", "/private")
    assert response.status_code == 401
    assert body == envelope("UNAUTHORIZED", "Log in first: send `Authorization: Bearer <token>`.")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="HealthMate"'


async def test_requests_are_limited_per_address_with_the_wait_told(call, settings):
    settings.RATE_ADDRESS = "2/hour"
    answers = [await call("GET", "/echo") for _ in range(4)]
    assert [response.status_code for response, _ in answers] == [200, 200, 429, 429]
    response, body = answers[-1]
    assert body == envelope("RATE_LIMITED", "Too many requests; wait a moment and try again.")
    assert 1 <= int(response.headers["Retry-After"]) <= 3600


async def test_the_language_of_a_refusal_follows_the_client(async_client):
    response = await async_client.post("/echo", b'{"text": ""}', content_type="application/json")
    assert response.headers["Content-Language"] == "es"
