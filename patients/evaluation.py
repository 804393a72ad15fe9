"""Measuring retrieval on questions whose answers are known, without leaving a trace in the database."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from django.db import transaction

from healthmate.common.embedding import Vector
from patients import retrieval
from patients.embedding import embed_chunks, embed_texts
from patients.importer import import_path
from patients.models import ClinicalRecord, PatientReference

DEPTH = 20  # hits that are looked at
NEEDED = ("id", "lang", "type", "patient", "bundle", "question", "gold")
UNANSWERABLE = "unanswerable"


class BadQuestionsError(Exception):
    """A file of questions that cannot be measured with; the message names the line or the bundle."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, the records that answer it (`Type/id`; none when the record holds nothing), and what was found."""

    id: str
    language: str
    type: str
    question: str
    gold: frozenset[str]
    found: tuple[str, ...]
    seconds: float

    @property
    def group(self) -> str:
        """The type without what it is about."""
        return self.type.partition(":")[0]

    @property
    def answerable(self) -> bool:
        """Whether the record holds an answer."""
        return bool(self.gold)

    def recall(self, depth: int) -> float:
        """|gold in the first `depth`| / min(depth, |gold|)."""
        return len(self.gold & set(self.found[:depth])) / min(depth, len(self.gold))

    @property
    def reciprocal_rank(self) -> float:
        """1 / the place of the first hit that answers; 0 when there is none."""
        return next((1 / place for place, found in enumerate(self.found, 1) if found in self.gold), 0.0)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of some questions; `silent` is the share of unanswerable ones for which nothing was found."""

    language: str
    type: str
    questions: int
    recall_at_1: float | None = None
    recall_at_5: float | None = None
    mrr: float | None = None
    silent: float | None = None


@dataclass(kw_only=True)
class Evaluation:
    """Every question with what was found."""

    asked: list[Asked] = field(default_factory=list)

    def figures(self) -> list[Figures]:
        """Per language: all that can be answered, each type of them, and those that cannot be answered."""
        groups: defaultdict[tuple[str, int, str], list[Asked]] = defaultdict(list)
        for item in self.asked:
            if item.answerable:
                groups[item.language, 0, "all answerable"].append(item)
                groups[item.language, 1, item.group].append(item)
            else:
                groups[item.language, 2, UNANSWERABLE].append(item)
        return [_figures(language, name, items) for (language, _, name), items in sorted(groups.items())]

    def as_dict(self) -> dict[str, Any]:
        """The figures, and the questions that were not answered by the first five hits, or should not have been."""
        return {
            "figures": [asdict(row) for row in self.figures()],
            "milliseconds": round(mean(item.seconds for item in self.asked) * 1000, 1) if self.asked else 0.0,
            "missed": [
                {
                    "id": item.id,
                    "type": item.type,
                    "question": item.question,
                    "found": item.found[:5],
                    "gold": sorted(item.gold),
                }
                for item in self.asked
                if (item.recall(5) < 1 if item.answerable else item.found)
            ],
        }


def _figures(language: str, name: str, items: list[Asked]) -> Figures:
    if not items[0].answerable:
        silent = mean(not item.found for item in items)
        return Figures(language=language, type=name, questions=len(items), silent=round(float(silent), 3))
    return Figures(
        language=language,
        type=name,
        questions=len(items),
        recall_at_1=round(mean(item.recall(1) for item in items), 3),
        recall_at_5=round(mean(item.recall(5) for item in items), 3),
        mrr=round(mean(item.reciprocal_rank for item in items), 3),
    )


def read_questions(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of questions. Raises BadQuestionsError."""
    questions = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            question = json.loads(line)
        except ValueError as error:
            raise BadQuestionsError(f"Line {number} is not JSON.") from error
        if not isinstance(question, dict) or (missing := [name for name in NEEDED if name not in question]):
            raise BadQuestionsError(
                f"Line {number} lacks {', '.join(missing) if isinstance(question, dict) else 'an object'}."
            )
        questions.append(question)
    if not questions:
        raise BadQuestionsError("There are no questions in the file.")
    return questions


def find_bundle(name: str, near: Path, root: Path | None) -> Path:
    """A bundle by the path in a question: under `root`, else under the nearest folder above the questions that has it.

    Raises BadQuestionsError.
    """
    folders = [root] if root else near.resolve().parents
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None:
        where = root or f"any folder above {near}"
        raise BadQuestionsError(f"The bundle {name} is not under {where}; say with --root where it is.")
    return found


def evaluate(
    questions: list[dict[str, Any]],
    *,
    bundle_of: Callable[[str], Path],
    with_vectors: bool = False,
    progress: Callable[[int], Any] = lambda done: None,
) -> Evaluation:
    """Ask every question of its own bundle. Raises BadQuestionsError, EmbeddingError.

    Each bundle is imported in a transaction that is rolled back; an import of the clinic's waits for it, a second.
    """
    by_bundle: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for question in questions:
        by_bundle[question["bundle"]].append(question)
    paths = {name: bundle_of(name) for name in by_bundle}
    evaluation = Evaluation()
    for name, own in by_bundle.items():
        with transaction.atomic():
            evaluation.asked += _ask_all(paths[name], own, with_vectors=with_vectors)
            transaction.set_rollback(True)
        progress(len(own))
    return evaluation


def _ask_all(path: Path, questions: list[dict[str, Any]], *, with_vectors: bool) -> list[Asked]:
    import_path([path])
    owners = {question["patient"]: _patient(question["patient"], path) for question in questions}
    vectors: list[Vector | None] = [None] * len(questions)
    if with_vectors:
        for patient_id in owners.values():
            list(embed_chunks(patient_id=patient_id))
        vectors = [*embed_texts([question["question"] for question in questions])]
    return [
        _ask(owners[question["patient"]], question, vector) for question, vector in zip(questions, vectors, strict=True)
    ]


def _patient(reference: str, path: Path) -> int:
    found = PatientReference.objects.filter(reference=reference).values_list("patient_id", flat=True)
    if len(found) != 1:
        raise BadQuestionsError(f"{path.name} gives {len(found)} patients called {reference}.")
    return found[0]


def _ask(patient_id: int, question: dict[str, Any], vector: Vector | None) -> Asked:
    started = time.perf_counter()
    hits = retrieval.search(patient_id, question["question"], limit=DEPTH, vector=vector)
    seconds = time.perf_counter() - started
    pks = [hit.record_id for hit in hits]
    names = {
        pk: f"{kind}/{resource_id}"
        for pk, kind, resource_id in ClinicalRecord.objects.filter(pk__in=pks, patient_id=patient_id).values_list(
            "pk", "resource_type", "resource_id"
        )
    }
    return Asked(
        id=question["id"],
        language=question["lang"],
        type=question["type"],
        question=question["question"],
        gold=frozenset(question["gold"]),
        found=tuple(names[pk] for pk in pks),
        seconds=seconds,
    )
