"""Embedding texts: the app that can registers how, so that those who need it need not know that app."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class EmbeddingError(Exception):
    """The model server gave no vectors; `reason` says why, without the texts."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A text's embedding; vectors of two models, or of two lengths, do not compare, and `model` names both.

    One that is not `semantic` only says which words there are, not what they mean.
    """

    model: str
    values: list[float]
    semantic: bool = True


class Embedder(Protocol):
    """Turns texts into vectors of EMBEDDING_DIMENSIONS numbers."""

    def model(self) -> str:
        """Whose vectors `embed` gives under the present settings, and their length: `name/1536`."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, in order. Raises EmbeddingError."""

    async def close(self) -> None:
        """Let go of this event loop's connections."""


_embedders: list[Embedder] = []


def register(embedder: Embedder) -> None:
    """Have texts embedded by `embedder`."""
    _embedders[:] = [embedder]


def embedder() -> Embedder:
    """The registered embedder. Raises LookupError when no app offers one."""
    if not _embedders:
        raise LookupError("no app has registered an embedder")
    return _embedders[0]


async def embed_one(text: str) -> Vector:
    """One text's vector. Raises EmbeddingError."""
    return (await embedder().embed([text]))[0]
