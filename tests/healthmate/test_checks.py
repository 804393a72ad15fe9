import pytest
from django.core.checks import run_checks

from healthmate.common.throttles import parse_rate

TOOL = "patients.tools.find_slots"


def problems():
    return [(found.id, str(found.msg)) for found in run_checks() if (found.id or "").startswith("healthmate.")]


def test_the_defaults_pass():
    assert problems() == []


@pytest.mark.parametrize(
    ("name", "value", "id_", "says"),
    [
        ("EMBEDDING_DIMENSIONS", 0, "healthmate.E001", "EMBEDDING_DIMENSIONS is 0; pgvector stores 1 to 16000."),
        ("EMBEDDING_DIMENSIONS", 16_001, "healthmate.E001", "EMBEDDING_DIMENSIONS is 16001"),
        ("WORKERS", 2, "healthmate.E002", "WORKERS is 2 but REDIS_URL is not set."),
        ("CHAT_TOOLS", ["nowhere.tool"], "healthmate.E003", "'nowhere.tool', which cannot be imported"),
        ("CHAT_TOOLS", ["find_slots"], "healthmate.E003", "'find_slots', which cannot be imported"),
        ("CHAT_TOOLS", ["json.dumps"], "healthmate.E003", "'json.dumps', which is a function, not a Tool."),
        ("CHAT_TOOLS", [TOOL, TOOL], "healthmate.E003", "2 tools that are called 'find_slots'"),
        ("RATE_LOGIN", "often", "healthmate.E004", "RATE_LOGIN: 'often' is not a rate"),
        ("RATE_MESSAGES", "0/min", "healthmate.E004", "RATE_MESSAGES: '0/min' is not a rate"),
        ("WORKERS", 0, "healthmate.E005", "WORKERS is 0; it must be at least 1."),
        ("PROXIES_IN_FRONT", -1, "healthmate.E005", "PROXIES_IN_FRONT is -1; it must be at least 0."),
        ("STREAM_HEARTBEAT", 0, "healthmate.E005", "STREAM_HEARTBEAT is 0; it must be more than 0 seconds."),
        ("LLM_TIMEOUT", float("nan"), "healthmate.E005", "LLM_TIMEOUT is nan; it must be more than 0 seconds."),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings, name, value, id_, says):
    setattr(settings, name, value)
    ((found, message),) = problems()
    assert found == id_
    assert says in message


def test_no_tools_at_all_is_a_choice(settings):
    settings.CHAT_TOOLS = []
    assert problems() == []


@pytest.mark.parametrize(
    ("rate", "means"),
    [
        ("off", None),
        ("30/min", (30, 60)),
        ("1/s", (1, 1)),
        ("5/second", (5, 1)),
        ("7/m", (7, 60)),
        ("100/hour", (100, 3600)),
        ("9/day", (9, 86_400)),
    ],
)
def test_a_rate_is_a_number_per_period(rate, means):
    assert parse_rate(rate) == means


@pytest.mark.parametrize(
    "rate", ["", "30", "30/", "/min", "-1/min", "1.5/min", "30/fortnight", "30 / min", "OFF", "٣/min"]
)
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ValueError, match="is not a rate"):
        parse_rate(rate)
