"""`import_fhir PATH...`: patients and records from FHIR files."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from healthmate.common.text import printable
from patients.fhir.sources import MAX_FILE_BYTES, MAX_LINE_BYTES, MIB
from patients.importer import BadInputError, ImportSummary, Refusal, TypeCount, import_path

SHOWN = 50


class Command(BaseCommand):
    """Import, print what became of every resource, exit with 1 when something was quarantined."""

    help = (
        "Import FHIR bundles, resources and NDJSON (.json, .json.gz, .ndjson, .ndjson.gz) from files and folders. "
        f"Inflated, a JSON file may hold {MAX_FILE_BYTES // MIB} MiB and a line of NDJSON {MAX_LINE_BYTES // MIB} MiB."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the paths and `--json`."""
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder that is searched through")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON, for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the paths; raises CommandError (exit code 1) when something was quarantined."""
        try:
            with progress_bar() as progress:
                summary = import_path(options["paths"], progress=progress)
        except BadInputError as error:
            raise CommandError(printable(str(error))) from error
        if options["json"]:
            self.stdout.write(json.dumps(summary.as_dict(), ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(map(printable, report(summary))))
        if summary.quarantined:
            raise CommandError(f"{len(summary.quarantined)} quarantined; see the reasons above or in the admin.")


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes on stderr, when that is a terminal."""
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, disable=not sys.stderr.isatty(), file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance


def report(summary: ImportSummary) -> list[str]:
    """The summary as lines: a table of types, the refusals with their reasons, the totals."""
    names = [item.name for item in fields(TypeCount)]
    wide = max([len(name) for name in summary.types] + [len("total")])
    lines = [" ".join([f"{'':{wide}}", *(f"{name:>11}" for name in names)])]
    rows = [*sorted(summary.types.items()), ("total", summary.total)]
    lines += [" ".join([f"{name:{wide}}", *(f"{value:>11}" for value in astuple(count))]) for name, count in rows]
    lines += [line(refusal) for refusal in summary.quarantined[:SHOWN]]
    if len(summary.quarantined) > SHOWN:
        lines.append(f"... and {len(summary.quarantined) - SHOWN} more, which the admin lists.")
    if summary.ignored:
        some = ", ".join(summary.ignored[:SHOWN]) + (", ..." if len(summary.ignored) > SHOWN else "")
        lines.append(f"{len(summary.ignored)} ignored (no FHIR file by name, no regular file, or a link out): {some}")
    lines.append(f"{summary.files} files in {summary.seconds:.1f} s; {summary.changed} resources written.")
    return lines


def line(refusal: Refusal) -> str:
    """One refusal: where, what, why."""
    place = refusal.file + "".join(f"#{part}" for part in (refusal.index, refusal.entry) if part is not None)
    what = "/".join(filter(None, (refusal.type, refusal.id)))
    return f"quarantined {place} {what}: {refusal.reason}".replace(" : ", ": ")
