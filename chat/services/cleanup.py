"""What `cleanup_sessions` tidies here: runs whose process is gone, keys that nobody will repeat."""

from datetime import timedelta

from django.db.models.functions import Now

from chat import selectors
from chat.models import IdempotencyKey, Run
from chat.selectors import RunQuerySet
from healthmate.common import clock, errors
from healthmate.common.cleanup import CleanUp

KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)


def _lapsed_runs() -> RunQuerySet:
    """Lapsed by this machine's clock and by the database's: one that is fast must not end a live stream."""
    return selectors.lapsed(Run.objects.all()).filter(lease_until__lt=Now())


def _interrupt(runs: RunQuerySet) -> int:
    return runs.update(status=Run.Status.INTERRUPTED, error_code=errors.RUN_INTERRUPTED.code, finished_at=clock.now())


lapsed_runs = CleanUp(over=_lapsed_runs, since="lease_until", done="closed as interrupted", act=_interrupt)
idempotency_keys = CleanUp(
    over=lambda: IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEEP_IDEMPOTENCY_KEYS), since="created_at"
)
