"""What has to wait until a run has read everything, without keeping its JSON in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile

from patients.fhir.files import Entry

IN_MEMORY = 32_000_000


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """An entry, whether it was in a bundle, and whose it is where that is known."""

    entry: Entry
    bundle: bool
    owner: int = 0


class WaitingRoom:
    """Entries in the order in which they came.

    Their JSON goes to an unnamed temporary file once it is more than IN_MEMORY bytes; what stays in memory
    is where each came from, some hundred bytes.
    """

    def __init__(self) -> None:
        self._waiters: list[tuple[Waiter, int, int]] = []
        self._json = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `close`

    def add(self, entry: Entry, *, bundle: bool, owner: int = 0) -> None:
        """Let an entry wait."""
        raw = bytes(entry.raw)
        start = self._json.seek(0, 2)
        self._json.write(raw)
        self._waiters.append((Waiter(entry=replace(entry, raw=b""), bundle=bundle, owner=owner), start, len(raw)))

    def those(self, *, bundle: bool) -> Iterator[Waiter]:
        """The entries that were in a bundle, or those that were not, each read back as it is asked for."""
        for waiter, start, size in self._waiters:
            if waiter.bundle is bundle:
                self._json.seek(start)
                yield replace(waiter, entry=replace(waiter.entry, raw=self._json.read(size)))

    def close(self) -> None:
        """Let go of everything."""
        self._waiters.clear()
        self._json.close()
