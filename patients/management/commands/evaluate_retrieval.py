"""`evaluate_retrieval FILE`: how well questions with known answers are answered."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import astuple
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from healthmate.common.embedding import EmbeddingError, embedder
from patients.evaluation import BadQuestionsError, Evaluation, evaluate, find_bundle, read_questions

HEADS = ("lang", "type", "questions", "recall@1", "recall@5", "MRR", "silent")


class Command(BaseCommand):
    """Print a table per language and type of question; the database is as it was afterwards."""

    help = (
        "Measure retrieval on a file of questions, one JSON object per line: id, lang, type, patient "
        "(Patient/<id>), bundle (a FHIR bundle), question, gold (a list of Type/<id>; empty when the record holds "
        "nothing on it). Each bundle is imported in a transaction that is rolled back. `silent` is the share of "
        "unanswerable questions for which nothing was found."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file and how to measure."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--root", type=Path, help="the folder to which the paths of bundles are relative")
        parser.add_argument("--vectors", action="store_true", help="embed pieces and questions with the model server")
        parser.add_argument("--json", action="store_true", help="print figures and missed questions as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print. Raises CommandError for questions or bundles that cannot be read."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            questions = read_questions(path)
            with tqdm(total=len(questions), unit="", disable=not sys.stderr.isatty(), file=sys.stderr) as bar:
                evaluation = evaluate(
                    questions,
                    bundle_of=lambda name: find_bundle(name, path, options["root"]),
                    with_vectors=options["vectors"],
                    progress=bar.update,
                )
        except BadQuestionsError as error:
            raise CommandError(str(error)) from error
        except EmbeddingError as error:
            raise CommandError(f"The model server gave no vectors: {error.reason}.") from error
        if options["json"]:
            self.stdout.write(json.dumps(evaluation.as_dict(), ensure_ascii=False, indent=2))
            return
        self.stdout.write(table(evaluation))
        vectors = f"with vectors of {embedder().model()}" if options["vectors"] else "by words alone"
        self.stdout.write(f"{len(questions)} questions, {vectors}, {evaluation.as_dict()['milliseconds']} ms each.")


def cell(value: Any) -> str:
    """A figure as it is printed; nothing for one that does not apply."""
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def table(evaluation: Evaluation) -> str:
    """The figures as a Markdown table."""
    rows = [HEADS, ("---",) * len(HEADS), *(tuple(map(cell, astuple(row))) for row in evaluation.figures())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
