"""The end of a process: runs finish within a grace period, the rest are marked, connections are closed."""

from django.conf import settings

from chat.run_log import current_run_log
from chat.services.chat_service import nothing_is_being_stored
from chat.services.openai_service import close_clients
from chat.services.run_executor import current_executor
from healthmate.common.steps import close_connections


async def shut_down() -> None:
    """Take no more runs, let those that go on finish within SHUTDOWN_GRACE seconds, mark the others as interrupted."""
    await nothing_is_being_stored()
    await current_executor().shut_down(grace=settings.SHUTDOWN_GRACE)
    await close_clients()
    await current_run_log().aclose()
    await close_connections()
