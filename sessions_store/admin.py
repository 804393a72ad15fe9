"""Device sessions in the admin: a device is shown by its short hash, since its id opens its conversation."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from healthmate.common import clock
from sessions_store import selectors
from sessions_store.models import ConversationState


class ExpiredFilter(admin.SimpleListFilter):
    """Over or not, by each session's own lifetime."""

    title = _("state")
    parameter_name = "expired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two choices."""
        return [("no", _("live")), ("yes", _("expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter in the query."""
        over = selectors.is_over(clock.now())
        if self.value() == "yes":
            return queryset.filter(over)
        return queryset.exclude(over) if self.value() == "no" else queryset


@admin.register(ConversationState)
class ConversationStateAdmin(admin.ModelAdmin[ConversationState]):
    """Which assistant serves which device; staff may end a session, not make one up."""

    list_display = ("device_hash", "active_agent", "locked_at", "session_ttl", "ends_at")
    list_filter = (ExpiredFilter, "active_agent")
    search_fields = ("=device_hash", "active_agent")
    search_help_text = _("An assistant, or a device's short hash")
    fields = readonly_fields = ("device_hash", "active_agent", "locked_at", "session_ttl", "ends_at")
    date_hierarchy = "locked_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Devices make their own sessions."""
        return False
