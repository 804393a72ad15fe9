"""The ES module, the seeds' own loops and EventSource, in a real browser."""

import random
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import SEEDS

pytestmark = [pytest.mark.usefixtures("test_tools")]

ANSWER = " ".join(f"palabra{number}" for number in range(1, 41)) + "."
SLOWER = "Dos. " + ANSWER
CUT = ("net::ERR_",)  # what Chromium says of connections that were cut
ASK = """async ({options, message}) => {
  const { Chat } = await import("/static/healthmate-chat.js");
  window.chat ??= new Chat(options);
  const pieces = [], cuts = [];
  const answer = await chat.send(message, {onPiece: (p) => pieces.push(p), onReconnecting: (n) => cuts.push(n)});
  return { answer, pieces, cuts: cuts.length };
}"""


async def ask(page: Page, message: str = "Hello", **options: Any) -> dict[str, Any]:
    return await page.evaluate(ASK, {"options": options, "message": message})


@pytest.fixture
def user(database: None, django_user_model: Any) -> dict[str, str]:
    """What somebody with an account logs in with."""
    credentials = {"email": f"{uuid4()}@example.org", "password": "a-long-password"}
    django_user_model.objects.create_user(**credentials)
    return credentials


@pytest.fixture
async def token(server: Any, user: dict[str, str]) -> str:
    """A user's token."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        return (await client.post("/auth/login", json=user)).json()["access_token"]


async def test_the_module_tells_every_piece_and_the_end(model: Any, open_page: Any) -> None:
    model.reply(ANSWER)
    page = (await open_page()).page

    told = await ask(page)

    assert "".join(told["pieces"]) == told["answer"]["text"] == ANSWER
    assert len(told["pieces"]) > 20
    assert told["answer"]["flags"] == []
    assert set(told["answer"]) == {"text", "messageId", "runId", "flags"}


@pytest.mark.parametrize("family", ["device", "cookie", "session"])
async def test_a_connection_cut_at_any_byte_loses_and_doubles_nothing(
    model: Any, open_page: Any, cutting_proxy: Any, token: str, family: str
) -> None:
    in_the_status_line = random.randrange(17)
    cuts = [in_the_status_line, *(random.choice([0, 30, 300, 700, 1500]) + random.randrange(200) for _ in range(7))]
    model.reply(ANSWER)
    watched = await open_page(await cutting_proxy(cuts))
    watched.expected, page = CUT, watched.page
    if family == "session":
        await start_session(page, token)
    options = {"deviceId": str(uuid4())} if family == "device" else {}

    told = await ask(page, **options)

    assert "".join(told["pieces"]) == told["answer"]["text"] == ANSWER, cuts
    assert told["cuts"] >= 3, cuts
    assert [record.body["input"][-1]["role"] for record in model.requests] == ["user"]
    messages = (await page.evaluate("chat.history()"))["messages"]
    assert [message["content"] for message in messages] == ["Hello", ANSWER], cuts


async def start_session(page: Page, token: str) -> None:
    await page.evaluate(
        """async (token) => {
          const { Chat } = await import("/static/healthmate-chat.js");
          window.chat = new Chat({ token: async () => token });
          await chat.startSession({ title: "Nueva" });
        }""",
        token,
    )


async def test_a_cut_answer_is_resumed_by_its_run_while_another_begins(
    model: Any, open_page: Any, cutting_proxy: Any
) -> None:
    model.reply(ANSWER).reply(SLOWER)
    watched = await open_page(await cutting_proxy([900, 700]))
    watched.expected = CUT
    told = await watched.page.evaluate(
        """async () => {
          const { Chat } = await import("/static/healthmate-chat.js");
          const chat = new Chat();
          await chat.history();
          return Promise.all(["Uno", "Dos"].map(async (message, n) => {
            await new Promise((resolve) => setTimeout(resolve, 150 * n));
            const pieces = [];
            await chat.send(message, { onPiece: (piece) => pieces.push(piece) });
            return pieces.join("");
          }));
        }"""
    )

    assert told == [ANSWER, SLOWER]


async def test_stop_resume_history_and_start_over(model: Any, open_page: Any, token: str) -> None:
    for family in ("website", "session"):
        model.reply(ANSWER)
        page = (await open_page()).page
        if family == "session":
            await start_session(page, token)
        told = await page.evaluate(
            """async () => {
              const { Chat } = await import("/static/healthmate-chat.js");
              const chat = window.chat ??= new Chat();
              const leave = new AbortController();
              const left = await chat.send("Hello", { signal: leave.signal, onPiece: () => leave.abort() });
              const { running } = await chat.history();
              let stopped = null;
              const answer = await chat.resume(running, { onPiece: () => { stopped ??= chat.stop(); } });
              const before = await chat.history();
              await chat.startOver();
              return { left, stopped: await stopped, answer, before, after: await chat.history() };
            }"""
        )

        assert told["left"] is None
        assert told["stopped"] is True
        assert set(told["answer"]["flags"]) == {"cancelled", "partial"}
        assert told["answer"]["text"]
        assert ANSWER.startswith(told["answer"]["text"])
        assert [message["content"] for message in told["before"]["messages"]] == ["Hello", told["answer"]["text"]]
        assert told["before"]["running"] is None
        assert (told["after"]["messages"], told["after"]["running"]) == ([], None)
        assert told["before"]["threadId"] != told["after"]["threadId"]


async def test_a_refusal_is_an_error_with_the_servers_code(open_page: Any) -> None:
    watched = await open_page()
    watched.expected = ("413",)
    told = await watched.page.evaluate(
        """async () => {
          const { Chat } = await import("/static/healthmate-chat.js");
          const seen = [];
          const chat = new Chat();
          const nothing = await chat.send("x".repeat(5000), { onError: (error) => seen.push(error.code) });
          const thrown = await chat.send("x".repeat(5000)).catch((error) => error);
          return [nothing, seen, [thrown.name, thrown.status, thrown.retryable]];
        }"""
    )

    assert told == [None, ["MESSAGE_TOO_LONG"], ["ChatError", 413, False]]


async def test_a_failed_answer_tells_what_was_written_and_not_its_excuse(
    model: Any, open_page: Any, settings: Any, token: str
) -> None:
    settings.TOTAL_REQUEST_TIMEOUT = 0.6
    for family in ("website", "session"):
        model.reply(ANSWER)
        page = (await open_page()).page
        if family == "session":
            await start_session(page, token)
        code, text, stored = await page.evaluate(
            """async () => {
              const { Chat } = await import("/static/healthmate-chat.js");
              const chat = window.chat ??= new Chat();
              const error = await chat.send("Hello").catch((error) => error);
              return [error.code, error.text, (await chat.history()).messages.at(-1).content];
            }"""
        )

        assert code == "REQUEST_TIMEOUT"
        assert text == stored
        assert text
        assert ANSWER.startswith(text)


@pytest.mark.parametrize(("seed", "call"), [("seed5_fetch_loop.js", "sendStreamingMessage('Hello')")])
async def test_seed_5s_fetch_loop_works_as_written(model: Any, open_page: Any, seed: str, call: str) -> None:
    model.reply(ANSWER)
    watched = await open_page()
    await with_a_message_element(watched.page)
    await watched.page.evaluate(f"async () => {{ {(SEEDS / seed).read_text()}\n await {call}; }}")

    assert await watched.page.locator("#current-message").text_content() == ANSWER


async def test_seed_5s_event_source_works_as_written(model: Any, open_page: Any) -> None:
    model.reply(ANSWER)
    watched = await open_page()
    await with_a_message_element(watched.page)
    helper = "const displayMessageChunk = (chunk) => document.getElementById('current-message').append(chunk);"
    code = (SEEDS / "seed5_event_source.js").read_text()
    await watched.page.evaluate(f"() => {{ {helper}\n {code}\n sendStreamingMessageWithEventSource('Hello'); }}")

    await expect(watched.page.locator("#current-message")).to_have_text(ANSWER)
    await watched.page.wait_for_timeout(500)  # in which nothing more comes
    assert await watched.page.locator("#current-message").text_content() == ANSWER


async def test_seed_4s_fetch_loop_works_as_written(model: Any, open_page: Any, token: str) -> None:
    model.reply(ANSWER)
    watched = await open_page("http://localhost:5000")  # which its addresses name
    # The example opens an EventSource without a token first ("EventSource no soporta POST"), which is refused.
    watched.expected = ("401", "MIME type")
    await with_a_message_element(watched.page)
    code = (SEEDS / "seed4_vanilla.js").read_text()
    start = "const session = await createChatSession(); sendStreamingMessage(session.id, 'Hola');"
    async with watched.page.expect_console_message(lambda said: said.text == "Stream terminado", timeout=20_000):
        title = await watched.page.evaluate(f"async (token) => {{ {code}\n {start} return session.title; }}", token)
    assert title == "Nueva conversación"

    assert await watched.page.locator("#current-message").text_content() == ANSWER


async def with_a_message_element(page: Page) -> None:
    await page.evaluate(
        "() => document.body.append(Object.assign(document.createElement('p'), {id: 'current-message'}))"
    )
