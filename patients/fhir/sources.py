"""Where FHIR comes from: regular files, zipped or plain, inflated within limits and never held twice."""

import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from patients.fhir.kinds import rank

SUFFIXES = (".json", ".json.gz", ".ndjson", ".ndjson.gz")
GZIP = b"\x1f\x8b"
MIB = 2**20
# Inflated bytes. A JSON file is held whole, of NDJSON one line at a time.
MAX_FILE_BYTES = 256 * MIB
MAX_LINE_BYTES = 64 * MIB
# Small values take far more memory than their text: `[],[],...` thirty times as much.
MAX_VALUES = 20_000_000
# A file with so many lines that are no FHIR is no NDJSON of FHIR.
MAX_BAD_LINES = 10_000
FIRST_TYPE = re.compile(rb'"resourceType"\s*:\s*"(\w+)"')
TOO_MANY_VALUES = f"It holds more values than an import takes at once ({MAX_VALUES:,})."
# A FIFO or a device would keep whoever opens it waiting.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class BadInputError(ValueError):
    """Something that cannot be read as FHIR; the message is a sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The files to import in their order, and what lies in the folders beside them and is left alone."""

    files: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)


def find(paths: list[Path]) -> Found:
    """The files under `paths`, those that others refer to first.

    In a folder, what is no FHIR file by its name, no regular file, or a link out of the folder is ignored,
    and links to folders are not entered. Raises BadInputError for a path that is not there, cannot be
    looked at, or is neither a folder nor a regular file.
    """
    files: dict[Path, None] = {}
    ignored: dict[Path, None] = {}
    for path in paths:
        if _mode(path, stat.S_ISDIR):
            root = path.resolve()
            for inner in _walk(path, ignored):
                wanted = inner.name.lower().endswith(SUFFIXES) and not inner.name.startswith(".")
                taken = wanted and _is_regular_within(inner, root)
                (files if taken else ignored)[_absolute(inner)] = None
        elif _mode(path, stat.S_ISREG):
            files[_absolute(path)] = None
        else:
            raise BadInputError(f"{path} is neither a folder nor a regular file.")
    return Found(files=sorted(files, key=_rank), ignored=[path for path in ignored if path not in files])


def _mode(path: Path, is_kind: Any) -> bool:
    try:
        return bool(is_kind(path.stat().st_mode))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise BadInputError(f"There is no file or folder {path}.") from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _walk(folder: Path, ignored: dict[Path, None]) -> Iterator[Path]:
    """Whatever is in a folder and is no folder itself; a folder that may not be entered is ignored by name."""

    def unreadable(error: OSError) -> None:
        ignored[_absolute(Path(error.filename or folder))] = None

    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in sorted([*names, *links]))


def _is_regular_within(path: Path, root: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode) and (not path.is_symlink() or path.resolve().is_relative_to(root))
    except (OSError, RuntimeError):  # a link that leads nowhere, or in a circle
        return False


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - as it was named: `..` goes, links stay


def name_of(path: Path) -> str:
    """A file's path as text that a column can hold: bytes of its name that are no UTF-8 are escaped."""
    return str(path).encode(errors="backslashreplace").decode()


def _rank(path: Path) -> int:
    try:
        with open_regular(path) as raw:
            start = raw.read(4096)
    except OSError:
        return rank("")
    if start.startswith(GZIP):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, 4096)
        except zlib.error:
            return rank("")
    found = FIRST_TYPE.search(start)
    return rank(found[1].decode() if found else "")


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A regular file open for reading; raises OSError for anything else that took its place, without waiting."""
    with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as raw:
        if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            raise OSError("it is no regular file")
        yield raw


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, Any]]:
    """(the file, its inflated contents): the same where it is not zipped. Raises OSError."""
    with open_regular(path) as raw:
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        yield raw, gzip.GzipFile(fileobj=raw) if zipped else raw


def whole(source: Any) -> bytes:
    """All that there is to read; raises BadInputError as soon as it is more than a file may hold."""
    data: bytes = source.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise BadInputError(f"The file holds more than {MAX_FILE_BYTES // MIB} MiB of JSON, the most that is read.")
    check_values(data)
    return data


def lines(source: Any) -> Iterator[bytes | BadInputError]:
    """Each line, or why it is not taken: of one that is too long, only a piece at a time is ever held."""
    while line := source.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(MIB)
        yield BadInputError(f"The line is longer than {MAX_LINE_BYTES // MIB} MiB, the most that is read.")


def check_values(data: bytes) -> None:
    """Raise BadInputError for JSON that would take up far more memory than its text."""
    if len(data) > MAX_VALUES and sum(data.count(mark) for mark in (b",", b"{", b"[")) > MAX_VALUES:
        raise BadInputError(TOO_MANY_VALUES)
