"""Retrieval from one patient's record: the only door to the pieces of records and their vectors.

Every query here starts from one patient; nothing returns what another patient's record holds.
"""

from patients.retrieval.facts import Fact, Snapshot, snapshot
from patients.retrieval.search import ChunkHit, search

__all__ = ["ChunkHit", "Fact", "Snapshot", "search", "snapshot"]
