import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from sessions_store import services
from sessions_store.models import ConversationState
from tests.sessions_store.conftest import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_state():
    def make(name, age, ttl, agent="general"):
        return ConversationState.objects.create(
            device_id=f"device-{name}",
            active_agent=agent,
            locked_at=None if age is None else NOON - dt.timedelta(seconds=age),
            session_ttl=ttl,
        )

    return make


def test_each_row_is_judged_by_its_own_lifetime(at, make_state, django_assert_num_queries):
    make_state("short and over", 61, 60)
    make_state("just over", 60, 60)
    make_state("just not", 59, 60)
    make_state("old but long", 86_400 * 7, 86_400 * 8)
    make_state("young", 1, 86_400)
    make_state("without a lock", None, 86_400, agent=None)
    with at(0):
        with django_assert_num_queries(1):
            assert services.cleanup_expired_sessions(dry_run=True) == 3
        assert ConversationState.objects.count() == 6
        with django_assert_num_queries(1):
            assert services.cleanup_expired_sessions() == 3
        assert services.cleanup_expired_sessions() == 0
    left = {state.device_id.removeprefix("device-") for state in ConversationState.objects.all()}
    assert left == {"just not", "old but long", "young"}


def test_a_hundred_thousand_rows_take_one_statement(at, django_assert_num_queries):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO conversation_states (device_id, device_hash, active_agent, locked_at, session_ttl)
            SELECT 'device-' || n, 'x', 'general', %s::timestamptz - make_interval(secs => n), 50000
            FROM generate_series(1, 100000) AS n
            """,
            [NOON],
        )
    with at(0), django_assert_num_queries(1):
        assert services.cleanup_expired_sessions() == 50_001
    assert ConversationState.objects.count() == 49_999


def run(*arguments):
    out = StringIO()
    call_command("cleanup_sessions", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_counts_first_and_deletes_when_told(at, make_state):
    make_state("over", 61, 60)
    make_state("live", 1, 60)
    with at(0):
        assert "device sessions: 1 would be deleted" in run("--dry-run")
        assert ConversationState.objects.count() == 2
        lines = run()
        assert "device sessions: 1 deleted" in lines
        assert "expired logins: 0 deleted" in lines
        assert "device sessions: 0 deleted" in run()
    assert ConversationState.objects.get().device_id == "device-live"


def test_the_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        call_command("cleanup_sessions", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "Delete what has had its time: device sessions by their own lifetime" in text
    assert "Count, and delete nothing." in text
