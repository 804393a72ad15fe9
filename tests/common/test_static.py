"""Static files in development, where each is looked up on the disk; tests/healthmate has those of production."""

import json

import pytest
from django.core.management import get_commands, load_command_class
from django.test import Client

from healthmate.asgi import application

BAD_PATHS = [
    "nothing.css",
    "../manage.py",
    "../../etc/passwd",
    "..%2f..%2fmanage.py",
    "%2e%2e/%2e%2e/manage.py",
    "..%5c..%5cmanage.py",
    "/etc/passwd",
    "//etc/passwd",
    "admin/../admin/css/base.css",
    "a%00b",
    "%ff%fe",
    "x" * 5000,
    "x/" * 2000,
    "admin",
    "admin/",
    "",
]


@pytest.fixture(params=[True, False], ids=["runserver", "uvicorn"])
def client(request, settings):
    """A client of a handler whose middleware starts as it does in development, or in production."""
    settings.DEBUG = settings.WHITENOISE_AUTOREFRESH = request.param
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("path", BAD_PATHS)
def test_what_is_no_static_file_is_not_found(client, path):
    response = client.get(f"/static/{path}")
    assert response.status_code == 404
    assert b"Traceback" not in response.content


@pytest.mark.parametrize("path", ["nothing.css", "../../etc/passwd"])
def test_a_host_that_is_not_ours_is_a_bad_request(client, path):
    assert client.get(f"/static/{path}", headers={"host": "evil.example"}).status_code == 400


def test_files_are_served(client):
    response = client.get("/static/admin/css/base.css")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")


def test_runserver_leaves_static_files_to_the_middleware(settings):
    settings.DEBUG = True
    command = load_command_class(get_commands()["runserver"], "runserver")
    options = vars(command.create_parser("manage.py", "runserver").parse_args([]))
    assert command.get_application(options) is application


def test_in_production_the_refusal_is_in_the_envelope(settings):
    settings.DEBUG = False
    response = Client().get("/static/../manage.py")
    assert json.loads(response.content)["error"]["code"] == "NOT_FOUND"
