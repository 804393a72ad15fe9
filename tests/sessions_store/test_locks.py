from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from sessions_store import services
from sessions_store.models import ConversationState
from tests.sessions_store.conftest import NOON

pytestmark = pytest.mark.django_db

DEVICE = "b7f9f7a4-6a0b-4d1e-9a39-0c7d4c9be4c1"


def test_a_device_without_a_lock_has_none():
    assert services.get_session_lock(DEVICE) is None


def test_a_lock_names_the_assistant_until_it_is_cleared(at):
    with at(0):
        services.set_session_lock(DEVICE, "scheduling")
        assert services.get_session_lock(DEVICE) == "scheduling"
        assert services.get_session_lock("another-device-0123456789") is None
        services.clear_session_lock(DEVICE)
        assert services.get_session_lock(DEVICE) is None
        services.clear_session_lock(DEVICE)


@pytest.mark.parametrize("ttl", [1, 60, 3600, 86_400 * 400])
def test_a_lock_ends_exactly_when_its_own_lifetime_does(at, ttl):
    with at(0):
        services.set_session_lock(DEVICE, "records", session_ttl=ttl)
    with at(ttl - 0.000001):
        assert services.get_session_lock(DEVICE) == "records"
        assert services.cleanup_expired_sessions(dry_run=True) == 0
    with at(ttl):
        assert services.get_session_lock(DEVICE) is None
        assert services.cleanup_expired_sessions(dry_run=True) == 1


def test_the_default_lifetime_is_a_setting(at, settings):
    settings.DEFAULT_SESSION_TTL = 10
    with at(0):
        services.set_session_lock(DEVICE, "general")
    with at(9):
        assert services.get_session_lock(DEVICE) == "general"
    with at(10):
        assert services.get_session_lock(DEVICE) is None


def test_setting_again_refreshes_the_lock_and_keeps_the_devices_own_lifetime(at):
    with at(0):
        services.set_session_lock(DEVICE, "general", session_ttl=60)
    with at(50):
        services.set_session_lock(DEVICE, "scheduling")
    with at(109):
        assert services.get_session_lock(DEVICE) == "scheduling"
    with at(110):
        assert services.get_session_lock(DEVICE) is None
        services.set_session_lock(DEVICE, "records", session_ttl=5)
    with at(114):
        assert services.get_session_lock(DEVICE) == "records"
    with at(115):
        assert services.get_session_lock(DEVICE) is None
    assert ConversationState.objects.count() == 1


@pytest.mark.parametrize("ttl", [0, -1, 2**31])
def test_a_lifetime_that_cannot_be_kept_is_refused(ttl):
    with pytest.raises(ValueError, match="must be 1 to 2147483647 seconds"):
        services.set_session_lock(DEVICE, "general", session_ttl=ttl)
    assert not ConversationState.objects.exists()


def test_is_expired_agrees_with_the_query(at):
    never = ConversationState(device_id=DEVICE)
    assert services.is_expired(never, NOON)
    locked = ConversationState(device_id=DEVICE, active_agent="general", locked_at=NOON, session_ttl=0)
    assert services.is_expired(locked, NOON)


def test_setting_is_one_statement(django_assert_num_queries):
    for _ in range(2):
        with django_assert_num_queries(1):
            services.set_session_lock(DEVICE, "general")


def test_many_that_set_at_once_leave_one_row(database):
    agents = [f"agent-{n}" for n in range(16)]

    def lock(agent):
        try:
            services.set_session_lock(DEVICE, agent)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lock, agents))
    assert ConversationState.objects.count() == 1
    assert services.get_session_lock(DEVICE) in agents
