"""What `cleanup_sessions` tidies here: runs whose process is gone, keys that nobody will repeat."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now

from chat import selectors
from chat.models import IdempotencyKey, Run
from chat.selectors import RunQuerySet
from chat.services.conversations import interrupt_lapsed_runs
from chat.services.recovery import keep_all_words, without_their_words
from healthmate.common import clock
from healthmate.common.cleanup import CleanUp

KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)


def _lapsed_runs() -> RunQuerySet:
    """Lapsed by this machine's clock and by the database's: one that is fast must not end a live stream."""
    return selectors.lapsed(Run.objects.all()).filter(lease_until__lt=Now())


@dataclass(frozen=True, kw_only=True)
class _Words(CleanUp):
    def run(self) -> int:
        """One transaction for each: they take the locks that conversations take, in that order."""
        return keep_all_words()


lapsed_runs = CleanUp(over=_lapsed_runs, since="lease_until", done="closed as interrupted", act=interrupt_lapsed_runs)
words_of_dead_processes = _Words(
    over=lambda: without_their_words(Run.objects.all()), since="finished_at", done="found in the log and kept"
)
idempotency_keys = CleanUp(
    over=lambda: IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEEP_IDEMPOTENCY_KEYS), since="created_at"
)
