"""The words in recordings: fetched from a site, transcribed by a model server, both on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from chat.media import Rules, transcripts_of
from chat.services.openai_service import OpenAIService, _providers
from healthmate.common.errors import ApiError
from tests.chat.media.conftest import HERE, Names, Site, refused, response

RECORDING = b"OggS" + bytes(range(256)) * 40
PATH = "/v1/audio/transcriptions"
UNAVAILABLE = {
    "error": {
        "code": "TRANSCRIPTION_UNAVAILABLE",
        "message": "Recordings cannot be transcribed right now. Nothing was stored; please write instead, "
        "or try again later.",
    }
}


@pytest.fixture
async def model(make_site: Callable[..., Awaitable[Site]], settings: Any) -> AsyncIterator[Site]:
    """A model server that transcribes: each recording is what its number says."""
    model = await make_site()
    settings.OPENAI_BASE_URL = f"http://{HERE}:{model.port}/v1"
    settings.OPENAI_API_KEY = f"sk-{uuid4()}"

    async def transcribe(writer: asyncio.StreamWriter) -> None:
        words = {"text": f"recording {len(model.heads)}"}
        writer.write(response(json.dumps(words).encode(), content_type="application/json", connection="close"))

    model.pages[PATH] = transcribe
    yield model
    for provider in _providers().values():  # this loop ends with the test, and its clients must before it
        await provider.client.close()


@pytest.fixture
def rules(site: Site, rules_for: Callable[..., Rules]) -> Rules:
    return rules_for(site)


async def test_recordings_become_words_in_their_order(site: Site, model: Site, rules: Rules, names: Names) -> None:
    site.pages["/a"] = response(RECORDING, content_type="audio/ogg")
    site.pages["/b"] = response(RECORDING[::-1], content_type="video/webm")

    words = await transcripts_of([site.url("/a"), site.url("/b")], OpenAIService(), rules=rules)

    assert words == ["recording 1", "recording 2"]
    assert [head.split()[1] for head in model.heads] == [PATH, PATH]
    for sent, body, filename in zip(
        model.bodies, [RECORDING, RECORDING[::-1]], ["recording.ogg", "recording.webm"], strict=True
    ):
        assert body in sent
        assert f'filename="{filename}"'.encode() in sent
    assert names.asked == ["media.clinic.com", "media.clinic.com"]  # once for each


async def test_no_recordings_need_no_model_server() -> None:
    assert await transcripts_of([], OpenAIService()) == []


async def test_one_bad_address_and_nothing_is_fetched(site: Site, model: Site, rules: Rules) -> None:
    site.pages["/a"] = response(RECORDING)

    with pytest.raises(ApiError) as error:
        await transcripts_of([site.url("/a"), "http://10.0.0.1/b"], OpenAIService(), rules=rules)

    assert error.value.as_dict() == refused("http://10.0.0.1/b", "Its host is not on the public internet.")
    assert site.heads == model.heads == []


async def test_too_many_are_refused(site: Site, model: Site, rules: Rules) -> None:
    urls = [site.url(f"/{number}") for number in range(6)]

    with pytest.raises(ApiError) as error:
        await transcripts_of(urls, OpenAIService(), rules=rules)

    assert error.value.as_dict() == refused(urls[5], "At most 5 are taken.")
    assert site.heads == model.heads == []


async def test_what_is_not_a_recording_is_named_as_it_was_written(site: Site, model: Site, rules: Rules) -> None:
    site.pages["/a"] = response(RECORDING)
    url = site.url("/b%7E?token=ñ", host="MEDIA.clinic.com")
    site.pages["/b~"] = response(b"<html>", content_type="text/html")

    with pytest.raises(ApiError) as error:
        await transcripts_of([site.url("/a"), url], OpenAIService(), rules=rules)

    assert error.value.as_dict() == refused(url, "It is not a recording but of another type.")
    assert len(model.heads) == 1


async def test_production_lets_nobody_transcribe_this_machine(site: Site, model: Site) -> None:
    with pytest.raises(ApiError) as error:
        await transcripts_of([f"http://{HERE}/a"], OpenAIService())

    assert error.value.as_dict() == refused(f"http://{HERE}/a", "Its host is not on the public internet.")


async def test_without_a_model_server_the_client_is_told(site: Site, rules: Rules) -> None:
    site.pages["/a"] = response(RECORDING)

    with pytest.raises(ApiError) as error:
        await transcripts_of([site.url("/a")], OpenAIService(), rules=rules)

    assert (error.value.error.status, error.value.as_dict()) == (503, UNAVAILABLE)


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized"])
async def test_a_model_server_that_fails_is_told_without_its_words(
    status: str, site: Site, model: Site, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    site.pages["/a"] = response(RECORDING)
    model.pages[PATH] = response(b'{"error": {"message": "secret"}}', status=status, content_type="application/json")

    with pytest.raises(ApiError) as error:
        await transcripts_of([site.url("/a?token=secret")], OpenAIService(), rules=rules)

    assert (error.value.error.status, error.value.as_dict()) == (503, UNAVAILABLE)
    assert f"HTTP {status[:3]}" in caplog.text
    assert "secret" not in caplog.text


async def test_many_recordings_at_once_wait_for_their_turn(site: Site, model: Site, rules: Rules) -> None:
    """At most eight are held in memory, however many people send one."""
    waiting, most = 0, 0
    everybody_waits = asyncio.Event()

    async def held(writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        if waiting == 8:
            everybody_waits.set()
        await everybody_waits.wait()
        writer.write(response(RECORDING))
        waiting -= 1

    site.pages["/a"] = held
    everybody = [transcripts_of([site.url("/a")], OpenAIService(), rules=rules) for _ in range(20)]

    answers = await asyncio.gather(*everybody)

    assert len(answers) == len(site.heads) == 20
    assert most == 8
