import datetime as dt

import pytest
import time_machine

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


@pytest.fixture
def at():
    """Be so many seconds after noon."""
    return lambda seconds=0: time_machine.travel(NOON + dt.timedelta(seconds=seconds), tick=False)
