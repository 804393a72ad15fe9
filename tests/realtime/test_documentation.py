"""Every frame stands in /docs with its schema; the page to try them is for development alone."""

import json
import re
from typing import Any

import httpx

from tests.realtime.conftest import SCHEMAS


def test_every_frame_is_in_the_interface_description_with_its_schema(http: httpx.Client) -> None:
    operation = http.get("/openapi.json").json()["paths"]["/ws/chat"]["get"]

    described = re.split(r"^### ", operation["description"], flags=re.MULTILINE)[1:]
    assert {part.split("\n")[0] for part in described} == set(SCHEMAS)
    for part in described:
        name = part.split("\n")[0]
        example, schema = (json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", part, re.DOTALL))
        SCHEMAS[name].validate(example)
        assert {**schema, "examples": [example]} == SCHEMAS[name].schema
    assert [parameter["name"] for parameter in operation["parameters"]] == ["token", "ticket"]
    assert list(operation["responses"]) == ["101"]


def test_the_page_to_try_the_socket_is_there_under_debug_alone(http: httpx.Client, settings: Any) -> None:
    assert http.get("/docs/ws").status_code == 404
    settings.DEBUG = True
    page = http.get("/docs/ws/")

    assert page.status_code == 200
    assert "<style" not in page.text
    assert not re.search(r"<script(?! type=\"module\" src=)", page.text)
    assert not re.search(r"(https?:)?//", page.text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert f"connect-src 'self' ws://{http.base_url.netloc.decode()} wss://" in policy
