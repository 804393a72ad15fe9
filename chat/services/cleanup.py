"""What `cleanup_sessions` tidies here: runs whose process is gone, keys that nobody will repeat."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now

from chat import selectors
from chat.models import IdempotencyKey, Run
from chat.selectors import RunQuerySet
from chat.services.conversations import interrupt_lapsed_runs
from chat.services.recovery import keep_all_words
from healthmate.common import clock
from healthmate.common.cleanup import CleanUp

KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)


def _lapsed_runs() -> RunQuerySet:
    """Lapsed by this machine's clock and by the database's: one that is fast must not end a live stream."""
    return selectors.lapsed(Run.objects.all()).filter(lease_until__lt=Now())


@dataclass(frozen=True, kw_only=True)
class _DeadRuns(CleanUp):
    def run(self) -> int:
        """Close them, and keep what such runs had said, whoever closed them."""
        closed = super().run()
        keep_all_words()
        return closed


lapsed_runs = _DeadRuns(over=_lapsed_runs, since="lease_until", done="closed as interrupted", act=interrupt_lapsed_runs)
idempotency_keys = CleanUp(
    over=lambda: IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEEP_IDEMPOTENCY_KEYS), since="created_at"
)
