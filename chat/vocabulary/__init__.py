"""The words that rules go by, as data: Spanish and English, folded, alternatives of regular expressions."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The vocabulary file of that name."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def any_of(alternatives: Iterable[str]) -> str:
    """A regular expression's group that matches any of the alternatives."""
    return f"(?:{'|'.join(alternatives)})"
