"""Users and their logins in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from healthmate.accounts import services
from healthmate.accounts.models import TokenFamily, User
from healthmate.common import clock


class UserCreation(AdminUserCreationForm[User]):
    """Asks for the email that a user logs in with."""

    class Meta:
        model = User
        fields = ("email", "full_name")


class UserChange(UserChangeForm[User]):
    """Every field of a user; the password through its own page."""

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Django's own, by email instead of a user name."""

    form = UserChange
    add_form = UserCreation
    list_display = ("email", "full_name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email", "full_name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "full_name")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "full_name", "usable_password", "password1", "password2")},
        ),
    )


class StateFilter(admin.SimpleListFilter):
    """Good, revoked or expired."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The three states."""
        return [("good", _("good")), ("revoked", _("revoked")), ("expired", _("expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter in the query."""
        now = clock.now()
        states = {
            "good": Q(revoked_at=None, expires_at__gt=now),
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(revoked_at=None, expires_at__lte=now),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(TokenFamily)
class TokenFamilyAdmin(admin.ModelAdmin[TokenFamily]):
    """Who is logged in since when; to be revoked, never edited."""

    list_display = ("user", "created_at", "expires_at", "revoked_at")
    list_filter = (StateFilter,)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    fields = readonly_fields = ("user", "created_at", "expires_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description=_("Revoke the selected logins"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[TokenFamily]) -> None:
        """End the selected logins at once."""
        count = services.revoke_families(family_ids=list(queryset.values_list("pk", flat=True)))
        sentence = ngettext("%(count)d login was revoked.", "%(count)d logins were revoked.", count)
        self.message_user(request, sentence % {"count": count}, messages.SUCCESS)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change logins may end them."""
        return request.user.has_perm("accounts.change_tokenfamily")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only `/auth/login` starts one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        """Read-only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        """Revoked or left to expire, so that what happened stays to be seen; it goes with its user only."""
        page = request.resolver_match.url_name if request.resolver_match else None
        return page in ("accounts_user_delete", "accounts_user_changelist")
