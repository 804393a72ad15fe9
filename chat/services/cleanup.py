"""What `cleanup_sessions` tidies here: runs whose process is gone, keys that nobody will repeat."""

from datetime import timedelta

from chat import selectors
from chat.models import IdempotencyKey, Run
from chat.services.conversations import interrupt_lapsed_runs
from healthmate.common import clock

KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)


def close_lapsed_runs(*, dry_run: bool = False) -> int:
    """Close every run whose process is gone, or count them."""
    runs = Run.objects.all()
    return selectors.lapsed(runs).count() if dry_run else interrupt_lapsed_runs(runs)


def delete_old_idempotency_keys(*, dry_run: bool = False) -> int:
    """Delete keys that no client will repeat any more, or count them."""
    old = IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEEP_IDEMPOTENCY_KEYS)
    return old.count() if dry_run else old.delete()[0]
