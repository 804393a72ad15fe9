"""What the scripted model can do with a turn."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Say:
    """Answer with a text."""

    text: str


@dataclass(frozen=True)
class Call:
    """Ask for a tool."""

    name: str
    arguments: dict[str, Any]


Move = Say | Call
