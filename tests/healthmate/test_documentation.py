import re
import warnings
from html.parser import HTMLParser

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

ENVELOPE = {"$ref": "#/components/schemas/ErrorEnvelope"}


@pytest.fixture
def schema():
    GENERATOR_STATS.reset()
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    return [
        pytest.param(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if path != "/ws/chat"  # a handshake, described in tests/realtime
    ]


def test_the_schema_is_valid_and_made_without_a_warning(schema, capsys):
    validate_schema(schema)
    assert capsys.readouterr().err == ""


def test_every_operation_is_described_with_an_example_and_its_errors(schema):
    for param in operations(schema):
        method, path, operation = param.values
        where = f"{method} {path}"
        assert operation.get("summary"), where
        assert operation.get("description"), where
        assert operation.get("tags"), where
        for status, response in operation["responses"].items():
            contents = response.get("content", {})
            content = contents.get("application/json") or contents.get("text/event-stream", {})
            assert response["description"], (where, status)
            assert content.get("examples") or status == "204", (where, status)
            if int(status) >= 400 and not path.startswith("/health"):
                assert content["schema"] == ENVELOPE, (where, status)
                for name, example in content["examples"].items():
                    assert example["value"]["error"]["code"].replace("_", "") == name, (where, status)
        assert any(status.startswith("2") for status in operation["responses"]), where
        if not path.startswith("/health"):
            assert "429" in operation["responses"], where
        if body := operation.get("requestBody"):
            assert body["content"]["application/json"]["examples"], where
            assert {"400", "413", "415"} <= set(operation["responses"]), where


def test_examples_are_what_the_schema_says(schema):
    """Examples in OpenAPI 3.0 are free text to most validators, so each is held to its own schema here."""
    jsonschema = pytest.importorskip("jsonschema")
    for param in operations(schema):
        method, path, operation = param.values
        contents = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in contents:
            media = content.get("content", {}).get("application/json")
            for name, example in (media or {}).get("examples", {}).items():
                whole = {**media["schema"], "components": schema["components"]}
                found = list(jsonschema.Draft202012Validator(_plain(whole)).iter_errors(example["value"]))
                assert not found, (method, path, name, found)


def _plain(node):
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _plain(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def test_addresses_are_listed_in_one_form(schema):
    paths = list(schema["paths"])
    assert "/auth/login" in paths
    assert len({path.rstrip("/") for path in paths}) == len(paths)


def test_both_ways_to_say_who_one_is_are_declared(schema):
    schemes = schema["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert (schemes["device"]["in"], schemes["device"]["name"]) == ("header", "X-Device-ID")
    for param in operations(schema):
        method, path, operation = param.values
        assert "security" in operation, (method, path)


class Links(HTMLParser):
    """Everything that a page loads, and whatever it has inline."""

    def __init__(self):
        super().__init__()
        self.loaded, self.inline = [], []

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag in ("script", "img") and names.get("src"):
            self.loaded.append(names["src"])
        elif tag == "link":
            self.loaded.append(names["href"])
        elif tag in ("script", "style"):
            self.inline.append(tag)


@pytest.mark.parametrize("address", ["/docs", "/docs/", "/redoc", "/redoc/"])
def test_a_page_and_all_it_loads_come_from_here(http, address):
    page = http.get(address)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(r"(https?:)?//", page.text)
    links = Links()
    links.feed(page.text)
    assert not links.inline
    assert len(links.loaded) >= 4
    for link in links.loaded:
        asset = http.get(link)
        assert asset.status_code == 200, link
        assert asset.content, link
    assert http.get(re.search(r'data-schema="(.+?)"', page.text)[1]).status_code == 200


@pytest.mark.parametrize("address", ["/docs", "/redoc"])
def test_a_page_may_load_nothing_from_elsewhere(http, address):
    policy = http.get(address).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == rules["font-src"] == "'self'"
    assert "http" not in policy


@pytest.mark.parametrize("accept", ["*/*", "application/json", None])
def test_the_schema_is_served_as_json(http, accept):
    response = http.get("/openapi.json", headers={"Accept": accept} if accept else {})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["openapi"].startswith("3.")
    validate_schema(response.json())


def test_static_files_are_served_without_a_warning(http):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        css = http.get("/static/admin/css/base.css")
    assert css.status_code == 200
    assert css.headers["content-type"].startswith("text/css")
    assert "immutable" not in css.headers["cache-control"]
    again = http.get("/static/admin/css/base.css", headers={"If-None-Match": css.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = http.get("/static/admin/css/base.css", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, css.content[:10])
    head = http.head("/static/admin/css/base.css")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(css.content)))


@pytest.mark.parametrize("path", ["nothing.css", "../manage.py", "%2e%2e/manage.py", "..%2fmanage.py", ""])
def test_what_is_no_static_file_is_not_found(http, path):
    response = http.get(f"/static/{path}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "NOT_FOUND"
