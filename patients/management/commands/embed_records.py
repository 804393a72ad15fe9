"""`embed_records`: the pieces of records that are missing, and the vectors that are missing."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from healthmate.common.embedding import EmbeddingError, embedder
from patients.chunking.writing import records_without_chunks, write_missing_chunks
from patients.embedding import AT_ONCE, embed_chunks, unembedded


class Command(BaseCommand):
    """Write missing pieces, embed what has no vector of the present model; exit with 1 when the model server fails."""

    help = (
        "Make the clinical records searchable: write the pieces that are missing and embed those that have no vector "
        "of OPENAI_EMBEDDING_MODEL with EMBEDDING_DIMENSIONS numbers. What is done is not done again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--batch` and `--rewrite`."""
        parser.add_argument("--batch", type=int, default=AT_ONCE, help=f"texts in a request ({AT_ONCE})")
        parser.add_argument("--rewrite", action="store_true", help="make every record's pieces anew first")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, then embed. Raises CommandError when the model server gives no vectors; run it again to go on."""
        if options["batch"] < 1:
            raise CommandError("--batch must be 1 or more.")
        rewrite = options["rewrite"]
        written = self._follow(
            "pieces", records_without_chunks(everything=rewrite).count(), write_missing_chunks(everything=rewrite)
        )
        model = embedder().model()
        waiting = unembedded(model=model)
        try:
            embedded = self._follow("vectors", waiting.count(), embed_chunks(at_once=options["batch"]))
        except EmbeddingError as error:
            raise CommandError(
                f"The model server gave no vectors: {error.reason}. {waiting.count()} pieces are left; "
                "what was embedded is stored. Run embed_records again."
            ) from error
        self.stdout.write(f"{written} records cut into pieces, {embedded} pieces embedded by {model}.")

    def _follow(self, what: str, total: int, steps: Iterator[int]) -> int:
        """Take the steps under a bar on stderr, when that is a terminal; returns their sum."""
        done = 0
        with tqdm(total=total, desc=what, unit="", disable=not sys.stderr.isatty(), file=sys.stderr) as bar:
            for step in steps:
                done += step
                bar.update(step)
        return done
