"""What the workers of one server share through the disk: their counts, so that any of them tells those of all."""

import os
import shutil
from pathlib import Path

import psutil
from django.conf import settings

SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client looks there when it is imported, and not again


def share_counts() -> None:
    """Count together with the workers of the same server; of servers that are gone nothing is kept.

    To be called before apps are loaded; one worker alone keeps its counts in memory.
    """
    if settings.WORKERS == 1:
        return
    server = psutil.Process(os.getppid())
    folder = settings.DATA_DIR / "metrics" / _name(server)
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.iterdir():
        if not _is_of_a_live_server(other):
            shutil.rmtree(other, ignore_errors=True)  # another worker may be at it too
    os.environ[SHARED_COUNTS] = str(folder)


def _name(server: psutil.Process) -> str:
    """Process ids are used again; with the time of the start they are not."""
    return f"{server.pid}-{server.create_time():.2f}"


def _is_of_a_live_server(folder: Path) -> bool:
    try:
        return _name(psutil.Process(int(folder.name.partition("-")[0]))) == folder.name
    except psutil.NoSuchProcess:
        return False
