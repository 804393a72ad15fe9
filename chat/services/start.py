"""The start of a process: what would be loaded and opened by the first message is, before anybody writes."""

from chat.services import openai_service
from chat.services.run_executor import current_executor
from chat.tool_registry import registered_tools
from healthmate.common.steps import open_connections


async def warm_up() -> None:
    """Have the model's client, the tools' declarations and a database connection at hand."""
    current_executor()
    openai_service.warm_up()
    for tool in registered_tools().values():
        _ = tool.as_function
    await open_connections()
