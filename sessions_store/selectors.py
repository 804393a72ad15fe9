"""Reads: which device sessions are over."""

from datetime import datetime

from django.db.models import DateTimeField, DurationField, Expression, ExpressionWrapper, F, Func, Q, QuerySet

from sessions_store.models import ConversationState


def ends_at() -> Expression:
    """When a session is over, by its own lifetime, as the database counts it."""
    lifetime = Func(F("session_ttl"), template="make_interval(secs => %(expressions)s)", output_field=DurationField())
    return ExpressionWrapper(F("locked_at") + lifetime, output_field=DateTimeField())


def is_over(now: datetime) -> Q:
    """The condition under which a state is expired: no lock, or one that has outlived itself."""
    return Q(locked_at__isnull=True) | Q(ends_at__lte=now)


def expired_states(now: datetime) -> QuerySet[ConversationState]:
    """The states whose time is over at `now`, each by its own `session_ttl`."""
    return ConversationState.objects.alias(ends_at=ends_at()).filter(is_over(now))
