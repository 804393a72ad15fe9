"""What a line of the log looks like."""

import logging
import os
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from healthmate.common.logs import QuietFormatter


@pytest.fixture(params=["America/Bogota", "Asia/Kathmandu", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: Any) -> Any:
    """The machine's time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_times_are_utc_with_their_offset_wherever_the_machine_is(zone: str, settings: Any) -> None:
    line = settings.LOGGING["formatters"]["line"]
    formatter = QuietFormatter(line["format"], style=line["style"])
    with time_machine.travel(datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC), tick=False):
        record = logging.LogRecord("chat", logging.INFO, __file__, 1, "run %s failed", ("7",), None)

    assert os.environ["TZ"] == zone
    assert formatter.format(record) == "2026-03-02T12:00:00.250+00:00 INFO chat run 7 failed"
    written, *_ = formatter.format(record).split(" ")
    assert datetime.fromisoformat(written) == datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)
