"""The tools that assistants may use, by name; `chat` knows nothing else of the apps that offer them."""

from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from healthmate.common.tools import Tool


@cache
def registered_tools() -> dict[str, Tool[Any]]:
    """Every tool of `CHAT_TOOLS`; a system check has verified the paths."""
    tools = [import_string(path) for path in settings.CHAT_TOOLS]
    return {tool.name: tool for tool in tools}


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "CHAT_TOOLS":
        registered_tools.cache_clear()


setting_changed.connect(_forget, dispatch_uid="chat.tool_registry")
