"""RunLog: the numbered events of runs, for any number of readers from any offset (design, section 2)."""

from django.conf import settings

from chat.run_log.feeds import KEEP_SECONDS, LIVE_SECONDS, TERMINAL, Encode, RunFeed, RunLog, UnknownRunError, follow
from chat.run_log.in_process import InProcessRunLog
from chat.run_log.redis_log import RedisRunLog
from healthmate.common.loop import per_loop

__all__ = [
    "KEEP_SECONDS",
    "LIVE_SECONDS",
    "TERMINAL",
    "Encode",
    "InProcessRunLog",
    "RedisRunLog",
    "RunFeed",
    "RunLog",
    "UnknownRunError",
    "current_run_log",
    "follow",
]


@per_loop
def current_run_log() -> RunLog:
    """The log that this process writes to and reads from: shared between processes when REDIS_URL is set."""
    return RedisRunLog(settings.REDIS_URL) if settings.REDIS_URL else InProcessRunLog()
