"""The page to try the clinicians' WebSocket with, in Chromium."""

import asyncio
from collections.abc import Callable
from typing import Any

from healthmate.accounts.models import User
from tests.browser.conftest import Watched
from tests.held_model import HeldModel
from tests.realtime.conftest import PASSWORD, clinician, make_record, make_user, record
from tests.realtime.test_sessions import ANSWER, WORDS, answered, model

__all__ = ["answered", "clinician", "make_record", "make_user", "model", "record"]


async def test_a_clinician_logs_in_asks_drops_and_resumes(
    open_page: Callable[..., Any], settings: Any, clinician: User, record: int, answered: HeldModel
) -> None:
    settings.DEBUG = True
    watched: Watched = await open_page(path="/docs/ws")
    page = watched.page

    await page.fill("#login [name=email]", clinician.email)
    await page.fill("#login [name=password]", PASSWORD)
    await page.click("#login button")
    await page.get_by_text("Logged in.").wait_for()
    await page.click("#connect")
    await page.click("#ping")
    await page.get_by_text('{"type":"pong"}').wait_for()
    await page.click("#send")
    await asyncio.to_thread(answered.allow, 2)
    await page.get_by_text(f'"token":"{WORDS[1].strip()}').or_(page.get_by_text('"token":" metformina"')).wait_for()
    await page.click("#disconnect")
    await page.get_by_text("closed with 1005").wait_for()
    await page.click("#connect")
    await page.click("#resume")
    answered.allow(len(WORDS))
    await page.locator("#citations li").nth(1).wait_for()

    assert await page.locator("#text").inner_text() == ANSWER
    assert await page.locator("#patient").inner_text() == "Laura Morales · CD 30995750"
    assert await page.locator("#statuses .done").count() == 4
    assert "confidence\n1.00" in await page.locator("#figures").inner_text()
    assert await page.locator("#problem").inner_text() == ""
    token = await page.input_value("#token")
    assert token
    assert not any(token in address for address in watched.addresses)
