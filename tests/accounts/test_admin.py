import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from healthmate.accounts import services
from healthmate.accounts.models import TokenFamily, User
from healthmate.common import clock

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    client.force_login(User.objects.create_superuser("boss@clinic.example", PASSWORD))
    return client


def test_an_email_is_kept_in_lower_case_by_the_database_itself(make_user):
    assert make_user("Big@Clinic.Example").email == "big@clinic.example"
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="Shouted@clinic.example")
    with pytest.raises(ValueError, match="needs an email"):
        User.objects.create_user("")


def test_staff_make_a_user_who_can_log_in(admin):
    page = admin.post(
        reverse("admin:accounts_user_add"),
        {
            "email": "New@Clinic.example",
            "full_name": "New",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    assert page.status_code == 302, page.content.decode()
    assert services.log_in(email="new@clinic.example", password=PASSWORD)
    taken = admin.post(reverse("admin:accounts_user_add"), {"email": "NEW@clinic.example", "password1": PASSWORD})
    assert taken.status_code == 200
    assert User.objects.filter(email__iexact="new@clinic.example").count() == 1


def test_the_lists_need_as_many_queries_for_many_as_for_one(admin, make_user, django_assert_max_num_queries):
    for n in range(20):
        services.log_in(email=make_user(f"user{n}@clinic.example").email, password=PASSWORD)
    for name in ("user", "tokenfamily"):
        with django_assert_max_num_queries(12):
            page = admin.get(reverse(f"admin:accounts_{name}_changelist"), {"q": "user1"})
        assert page.status_code == 200


def test_every_page_opens(admin, make_user):
    user = make_user()
    services.log_in(email=user.email, password=PASSWORD)
    family = TokenFamily.objects.get()
    for address in (
        reverse("admin:accounts_user_add"),
        reverse("admin:accounts_user_change", args=[user.pk]),
        reverse("admin:auth_user_password_change", args=[user.pk]),
        reverse("admin:accounts_user_delete", args=[user.pk]),
        reverse("admin:accounts_tokenfamily_change", args=[family.pk]),
    ):
        assert admin.get(address).status_code == 200, address


@pytest.mark.parametrize(("state", "count"), [("good", 1), ("revoked", 1), ("expired", 1), ("", 3)])
def test_logins_are_filtered_by_state(admin, make_user, state, count):
    user = make_user()
    for _ in range(3):
        services.log_in(email=user.email, password=PASSWORD)
    revoked, expired, _ = TokenFamily.objects.all()
    services.revoke_families(family_ids=[revoked.pk])
    TokenFamily.objects.filter(pk=expired.pk).update(expires_at=clock.now())
    page = admin.get(reverse("admin:accounts_tokenfamily_changelist"), {"state": state})
    assert page.context["cl"].result_count == count


def test_a_login_is_revoked_but_neither_made_edited_nor_deleted(admin, make_user):
    user = make_user()
    services.log_in(email=user.email, password=PASSWORD)
    family = TokenFamily.objects.get()
    page = reverse("admin:accounts_tokenfamily_changelist")
    assert admin.get(reverse("admin:accounts_tokenfamily_add")).status_code == 403
    assert admin.post(reverse("admin:accounts_tokenfamily_delete", args=[family.pk])).status_code == 403
    assert admin.post(reverse("admin:accounts_tokenfamily_change", args=[family.pk]), {}).status_code == 403
    admin.post(page, {"action": "revoke", "_selected_action": [str(family.pk)]})
    family.refresh_from_db()
    assert family.revoked_at is not None


def test_a_user_is_deleted_with_the_logins(admin, make_user):
    user = make_user()
    services.log_in(email=user.email, password=PASSWORD)
    admin.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
    assert not TokenFamily.objects.exists()
