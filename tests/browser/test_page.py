"""The page at `/`, as somebody who has never seen it uses it."""

from typing import Any

import pytest
import time_machine
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.usefixtures("test_tools")]

ANSWER = " ".join(f"Palabra{number}" for number in range(1, 61)) + "."
FIRST, LAST = "Palabra1 ", "Palabra60."


async def say(page: Page, message: str) -> None:
    await page.get_by_label("Your message").fill(message)
    await page.keyboard.press("Enter")


def answer(page: Page) -> Any:
    return page.locator(".message.assistant .text").last


async def is_whole(page: Page) -> None:
    await expect(page.locator(".message.assistant.writing")).to_have_count(0, timeout=20_000)
    await expect(answer(page)).to_have_text(ANSWER, use_inner_text=True)


async def test_an_answer_appears_piece_by_piece(model: Any, open_page: Any) -> None:
    model.reply(ANSWER)
    page = (await open_page()).page
    await page.evaluate(
        """() => { window.lengths = [];
        new MutationObserver(() => lengths.push(document.querySelector(".assistant .text")?.textContent.length ?? 0))
          .observe(document.getElementById("messages"), {subtree: true, childList: true, characterData: true}); }"""
    )

    await say(page, "Hello")
    await is_whole(page)

    lengths = [length for length in await page.evaluate("lengths") if length]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 20
    assert await page.locator(".message .text").all_inner_texts() == ["Hello", ANSWER]
    await expect(page.locator("#announcer")).to_have_text(f"Anna: {ANSWER}")
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert await page.evaluate("document.activeElement.id") == "text"


async def test_a_reload_in_mid_answer_loses_and_doubles_nothing(model: Any, open_page: Any) -> None:
    model.reply(ANSWER)
    page = (await open_page()).page
    await say(page, "Hello")
    for words in ("Palabra5 ", "Palabra15 ", "Palabra30 "):
        await expect(answer(page)).to_contain_text(words)
        await page.reload()

    await expect(answer(page)).to_contain_text("Palabra31 ")
    assert LAST not in await answer(page).inner_text()
    await is_whole(page)
    assert await page.locator(".message .text").all_inner_texts() == ["Hello", ANSWER]

    await page.reload()
    await expect(answer(page)).to_have_text(ANSWER)
    assert await page.locator(".message .text").all_inner_texts() == ["Hello", ANSWER]


async def test_stop_keeps_what_has_been_written(model: Any, open_page: Any) -> None:
    model.reply(ANSWER).reply("Otra cosa.")
    page = (await open_page()).page
    await say(page, "Hello")
    await expect(answer(page)).to_contain_text("Palabra5 ")

    await page.get_by_role("button", name="Stop").click()

    await expect(page.locator(".message.assistant .note")).to_have_text("Stopped.")
    partial = await answer(page).inner_text()
    assert ANSWER.startswith(partial)
    assert LAST not in partial
    await page.reload()
    await expect(answer(page)).to_have_text(partial)
    await expect(page.locator(".message.assistant .note")).to_have_text("Stopped.")
    await say(page, "Again")
    await expect(answer(page)).to_have_text("Otra cosa.")


async def test_escape_stops_at_once(model: Any, open_page: Any) -> None:
    model.reply(ANSWER)
    page = (await open_page()).page
    await say(page, "Hello")
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert LAST not in await answer(page).inner_text()


async def test_starting_over_in_mid_answer_shows_nothing_of_it_again(model: Any, open_page: Any) -> None:
    model.reply(ANSWER).reply("Hola.")
    page = (await open_page()).page
    await say(page, "My secret")
    await expect(answer(page)).to_contain_text("Palabra5 ")

    await page.get_by_role("button", name="Not me / start over").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start over").click()

    await expect(page.get_by_role("heading", name="How can I help you?")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="How can I help you?")).to_be_visible()
    assert await page.locator(".message").count() == 0
    await say(page, "Hi")
    await expect(answer(page)).to_have_text("Hola.")
    assert await page.locator(".message .text").all_inner_texts() == ["Hi", "Hola."]
    assert "secret" not in str(model.last_request.body["input"])


async def test_going_on_instead_of_starting_over_keeps_everything(model: Any, open_page: Any) -> None:
    model.reply("Hola.")
    page = (await open_page()).page
    await say(page, "Hi")
    await expect(answer(page)).to_have_text("Hola.")
    await page.get_by_role("button", name="Not me / start over").click()
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert await page.locator(".message .text").all_inner_texts() == ["Hi", "Hola."]


async def test_the_next_person_at_a_shared_computer_sees_nothing(model: Any, open_page: Any) -> None:
    model.reply("Hola.")
    page = (await open_page()).page
    await say(page, "Hi")
    await expect(answer(page)).to_have_text("Hola.")

    with time_machine.travel("2126-01-01", tick=True):
        await page.reload()
        await expect(page.get_by_role("heading", name="How can I help you?")).to_be_visible()
        assert await page.locator(".message").count() == 0


async def test_a_suggestion_is_a_message(model: Any, open_page: Any) -> None:
    model.reply("Hola.")
    page = (await open_page()).page
    await page.get_by_role("button", name="I would like an appointment").click()

    await expect(answer(page)).to_have_text("Hola.")
    assert await page.locator(".message .text").all_inner_texts() == ["I would like an appointment", "Hola."]


async def test_text_is_text(model: Any, open_page: Any) -> None:
    tricky = "<img src=x onerror=alert(1)> & <b>no</b>"
    model.reply(tricky)
    page = (await open_page()).page
    await say(page, tricky)

    await expect(answer(page)).to_have_text(tricky)
    assert await page.locator(".message .text").all_inner_texts() == [tricky, tricky]
    assert await page.locator(".message img, .message b").count() == 0


async def test_an_emergency_is_marked_and_still_there_after_a_reload(open_page: Any) -> None:
    page = (await open_page()).page
    await say(page, "I have severe chest pain and cannot breathe")
    await expect(page.locator(".message.emergency .text")).to_contain_text("123")

    await page.reload()
    await expect(page.locator(".message.emergency .text")).to_contain_text("123")


async def test_a_failure_says_so_and_can_be_tried_again(model: Any, open_page: Any, settings: Any) -> None:
    settings.TOTAL_REQUEST_TIMEOUT = 0.6
    model.reply(ANSWER)
    page = (await open_page()).page
    await say(page, "Hello")
    await expect(page.locator(".message.failed")).to_be_visible()
    partial = await answer(page).inner_text()
    assert ANSWER.startswith(partial)

    settings.TOTAL_REQUEST_TIMEOUT = 60
    model.reply("Hola.")
    await page.get_by_role("button", name="Try again").click()
    await expect(answer(page)).to_have_text("Hola.")
    assert await page.locator(".message.failed").count() == 0


@pytest.mark.parametrize(
    ("language", "title", "assistant", "button"),
    [
        ("es-CO", "¿En qué te puedo ayudar?", "Anna, asistente automática", "Enviar"),
        ("en-GB", "How can I help you?", "Anna, automatic assistant", "Send"),
        ("fr-FR", "¿En qué te puedo ayudar?", "Anna, asistente automática", "Enviar"),
    ],
)
async def test_it_speaks_the_browsers_language(
    open_page: Any, language: str, title: str, assistant: str, button: str
) -> None:
    page = (await open_page(language=language)).page

    await expect(page.get_by_role("heading", name=title)).to_be_visible()
    await expect(page.get_by_text(assistant)).to_be_visible()
    await expect(page.get_by_role("button", name=button, exact=True)).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == ("en" if language == "en-GB" else "es")
    assert await page.locator('a[href="tel:123"]').is_visible()


async def test_everything_is_within_reach_of_the_keyboard(model: Any, open_page: Any) -> None:
    page = (await open_page()).page
    reached = []
    for _ in range(10):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))

    assert reached[:2] == ["start-over", "Call 123"]
    assert {"text", "send", "I would like an appointment"} <= set(reached)


@pytest.mark.parametrize("width", [320, 390])
async def test_it_fits_a_phone(model: Any, open_page: Any, width: int) -> None:
    model.reply(ANSWER + " " + "x" * 200)
    page = (await open_page(viewport={**PHONE, "width": width}, has_touch=True, is_mobile=True)).page
    await say(page, "Hello " + "y" * 100)
    await expect(page.locator(".message.assistant.writing")).to_have_count(0, timeout=20_000)

    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
