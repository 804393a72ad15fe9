"""Reads: which device sessions are over."""

from datetime import datetime

from django.db.models import Q, QuerySet

from sessions_store.models import ConversationState


def is_over(now: datetime) -> Q:
    """The condition under which a state is expired: no lock, or one that has outlived itself."""
    return Q(ends_at__isnull=True) | Q(ends_at__lte=now)


def expired_states(now: datetime) -> QuerySet[ConversationState]:
    """The states whose time is over at `now`, each by its own `session_ttl`."""
    return ConversationState.objects.filter(is_over(now))
