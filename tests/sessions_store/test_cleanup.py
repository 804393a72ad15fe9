import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections, transaction

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


def test_each_row_is_judged_by_its_own_lifetime(at, make_state):
    make_state("short and over", 61, 60)
    make_state("just over", 60, 60)
    make_state("just not", 59, 60)
    make_state("old but long", 86_400 * 7, 86_400 * 8)
    make_state("young", 1, 86_400)
    make_state("without a lock", None, 86_400, agent=None)
    with at(0):
        assert services.cleanup_expired_sessions(dry_run=True) == 3
        assert ConversationState.objects.count() == 6
        assert services.cleanup_expired_sessions() == 3
        assert services.cleanup_expired_sessions() == 0
    left = {state.device_id.removeprefix("device-") for state in ConversationState.objects.all()}
    assert left == {"just not", "old but long", "young"}


def test_a_lock_that_is_renewed_meanwhile_stays(at, database):
    """The renewal is not committed yet: it is neither waited for nor lost."""
    with at(0):
        services.set_session_lock("device-back", "general", session_ttl=60)
        services.set_session_lock("device-gone", "general", session_ttl=60)
    with at(100):
        with transaction.atomic():
            services.set_session_lock("device-back", "records")
            assert in_another_connection(services.cleanup_expired_sessions) == 1
        assert services.cleanup_expired_sessions() == 0
        assert services.get_session_lock("device-back") == "records"


def in_another_connection(work):
    def run():
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(30)


def run(*arguments):
    out = StringIO()
    call_command("cleanup_sessions", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_counts_first_and_deletes_when_told(at, make_state):
    make_state("over", 61, 60)
    make_state("live", 1, 60)
    with at(0):
        oldest = "(the oldest over since 2026-03-02T11:59:59+00:00)"
        lines = run("--dry-run")
        assert f"device sessions: 1 would be deleted {oldest}" in lines
        assert "runs of dead processes: 0 would be closed as interrupted" in lines
        assert ConversationState.objects.count() == 2
        lines = run()
        assert "device sessions: 1 deleted" in lines
        assert "expired logins: 0 deleted" in lines
        assert "runs of dead processes: 0 closed as interrupted" in lines
        assert "device sessions: 0 deleted" in run()
    assert ConversationState.objects.get().device_id == "device-live"


def test_the_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        call_command("cleanup_sessions", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "Clean what has had its time: device sessions by their own lifetime" in text
    assert "Print what would be done, and change nothing." in text
