import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from healthmate.common.devices import short_hash
from sessions_store import services
from sessions_store.models import ConversationState

pytestmark = pytest.mark.django_db

LIST = "admin:sessions_store_conversationstate_changelist"


@pytest.fixture
def admin(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    client.force_login(get_user_model().objects.create_superuser("boss@clinic.example", "a-long-password"))
    return client


@pytest.fixture
def devices(at):
    """One live, one over, one without a lock."""
    with at(0):
        for name, ttl in (("live", 1000), ("over", 10), ("clear", 1000)):
            services.set_session_lock(f"secret-device-{name}", "scheduling", session_ttl=ttl)
        services.clear_session_lock("secret-device-clear")


def found(page):
    return sorted(state.device_id.removeprefix("secret-device-") for state in page.context["cl"].queryset)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["clear", "live", "over"]),
        ({"expired": "no"}, ["live"]),
        ({"expired": "yes"}, ["clear", "over"]),
        ({"q": "schedul"}, ["live", "over"]),
        ({"active_agent": "scheduling", "expired": "no"}, ["live"]),
    ],
)
def test_sessions_are_filtered_and_searched(at, admin, devices, query, names):
    with at(20):
        assert found(admin.get(reverse(LIST), query)) == names


def test_a_device_is_found_and_shown_by_its_short_hash_only(at, admin, devices):
    name = short_hash("secret-device-live")
    with at(20):
        page = admin.get(reverse(LIST), {"q": name})
        assert found(page) == ["live"]
        state = ConversationState.objects.get(device_id="secret-device-live")
        change = admin.get(reverse("admin:sessions_store_conversationstate_change", args=[state.pk]))
        delete = admin.get(reverse("admin:sessions_store_conversationstate_delete", args=[state.pk]))
        for shown in (page, change):
            assert name in shown.content.decode()
        for shown in (page, change, delete):
            assert shown.status_code == 200
            assert "secret-device" not in shown.content.decode()


def test_the_list_needs_as_many_queries_for_many_as_for_few(admin, django_assert_max_num_queries):
    for n in range(50):
        services.set_session_lock(f"secret-device-{n}", "general")
    with django_assert_max_num_queries(10):
        assert admin.get(reverse(LIST)).status_code == 200


def test_staff_make_no_sessions(admin):
    assert admin.get(reverse("admin:sessions_store_conversationstate_add")).status_code == 403
