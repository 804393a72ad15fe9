"""A clinician's question as a stored run: accepted, looked up, its reading of the record noted, its evidence kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chat import run_queries, selectors
from chat.clinical_context import Entry, entries_of
from chat.events import Citation, Evidence, PatientInfo
from chat.models import ClinicalQuery, Message, Run, Thread
from chat.owners import Owner
from chat.run_queries import OPEN, LockedThread
from chat.services.conversations import TITLE_CHARS, interrupt_lapsed_runs, locked_contact
from healthmate.common import clock, errors
from healthmate.common.embedding import Vector
from healthmate.common.errors import ApiError
from healthmate.common.steps import now
from patients import retrieval
from patients.retrieval import Snapshot
from patients.selectors import KnownPatient, count_records, patient_by_document
from patients.services import name_records, record_access

SEARCHING_PATIENT = "searching_patient"  # what every run begins with, so that it needs no event of its own
VECTOR_SEARCH = "vector_search"
BUILDING_CONTEXT = "building_context"
GENERATING = "generating"
ASSISTANT = "clinical"
PURPOSE = "clinical_query"
MAX_HITS = 8
STILL_ANSWERED = _("This session is still being answered: wait for its end, or cancel it.")
STATEMENT_TIMEOUT = "57014"  # PostgreSQL's code


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a clinician asks; `session_id` is the client's own name for it."""

    session_id: str
    document_type_id: int
    document_number: str
    text: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A stored question as its run reads it."""

    user_id: UUID
    document_type_id: int
    document_number: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the record holds for a question, as entries, and how much there was."""

    snapshot: Snapshot
    entries: list[Entry]
    records_analyzed: int
    chunks_used: int


# --- Accepting ----------------------------------------------------------------------------------------


@transaction.atomic
def accept_question(*, owner: Owner, question: Question) -> tuple[Run, bool]:
    """Store a question and queue its answer; the second is always True. Raises ApiError RUN_ACTIVE."""
    contact = locked_contact(owner)
    if _open_run(owner, question.session_id):
        raise ApiError(errors.RUN_ACTIVE, message=STILL_ANSWERED)
    title = " ".join(question.text.split())[:TITLE_CHARS]
    thread = Thread.objects.create(contact=contact, kind=Thread.Kind.CLINICAL, language=question.language, title=title)
    locked = LockedThread(thread.id, thread.kind, thread.language, title, 0, thread.identity_level, None)
    run = now(run_queries.queue_run(locked, Message(direction=Message.Direction.INCOMING, body=question.text)))
    ClinicalQuery.objects.create(
        run_id=run.id,
        contact=contact,
        session_id=question.session_id,
        document_type_id=question.document_type_id,
        document_number=question.document_number,
    )
    return run, True


def newest_run(owner: Owner, session_id: str) -> Run | None:
    """The run that the owner's session is about, with its thread."""
    return _runs(owner, session_id).select_related("thread").order_by("-clinical_query__created_at").first()


def note_rereading(*, owner: Owner, session_id: str) -> Run | None:
    """The run of the owner's session, read once more; that leaves an event of its own."""
    run = newest_run(owner, session_id)
    if run is not None and run.thread.patient_id is not None:
        _note(run_id=run.id, patient_id=run.thread.patient_id, user_id=owner.user_id, details={"again": True})
    return run


def _runs(owner: Owner, session_id: str) -> QuerySet[Run]:
    of_session = ClinicalQuery.objects.filter(contact__in=selectors.contacts_of(owner), session_id=session_id)
    return Run.objects.filter(clinical_query__in=of_session)


def _open_run(owner: Owner, session_id: str) -> bool:
    runs = _runs(owner, session_id)
    interrupt_lapsed_runs(runs)
    return runs.filter(status__in=OPEN).exists()


# --- Answering ----------------------------------------------------------------------------------------


def asked_by(run_id: UUID) -> Asked:
    """What the run is to answer."""
    query = ClinicalQuery.objects.select_related("contact").get(run_id=run_id)
    assert query.contact.user_id is not None  # noqa: S101 - for the type checker: clinicians log in
    return Asked(
        user_id=query.contact.user_id,
        document_type_id=query.document_type_id,
        document_number=query.document_number,
    )


@transaction.atomic
def find_patient(*, run_id: UUID, thread_id: UUID, asked: Asked) -> tuple[KnownPatient, int]:
    """Whose record it is, and the id of the event that says so; the thread is about them from now on.

    Raises ApiError PATIENT_NOT_FOUND.
    """
    patient = patient_by_document(document_type_id=asked.document_type_id, document_number=asked.document_number)
    if patient is None:
        raise ApiError(errors.PATIENT_NOT_FOUND)
    Thread.objects.filter(id=thread_id).update(patient_id=patient.patient_id, updated_at=clock.now())
    # Who they are is told even when the answer is stopped, or the search fails, before a record is read.
    event_id = _note(
        run_id=run_id,
        patient_id=patient.patient_id,
        user_id=asked.user_id,
        details={"records": []},
        thread_id=thread_id,
    )
    return patient, event_id


def search_record(*, patient_id: int, question: str, vector: Vector | None) -> Found:
    """What the patient's record holds for a question. Raises ApiError VECTOR_SEARCH_TIMEOUT."""
    try:
        with transaction.atomic():
            _limit_statements(settings.VECTOR_SEARCH_TIMEOUT)
            hits = retrieval.search(patient_id, question, vector=vector, limit=MAX_HITS)
            snapshot = retrieval.snapshot(patient_id)
            records = count_records(patient_id=patient_id)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == STATEMENT_TIMEOUT:
            raise ApiError(errors.VECTOR_SEARCH_TIMEOUT) from error
        raise
    entries = entries_of(hits, snapshot)
    return Found(snapshot=snapshot, entries=entries, records_analyzed=records, chunks_used=len(hits))


def note_reading(*, event_id: int, entries: list[Entry]) -> None:
    """Have the run's event name the records which are about to be shown."""
    name_records(event_id=event_id, records=[entry.record_id for entry in entries])


def _note(
    *, run_id: UUID, patient_id: int, user_id: UUID | None, details: dict[str, Any], thread_id: UUID | None = None
) -> int:
    event = record_access(
        patient_id=patient_id,
        actor=str(user_id),
        user_id=user_id,
        purpose=PURPOSE,
        run_id=run_id,
        thread_id=thread_id,
        details=details,
    )
    return event.pk


def _limit_statements(seconds: float) -> None:
    """No thread stays behind when a search has been given up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(seconds * 1000)))])


# --- Evidence -----------------------------------------------------------------------------------------


def keep_evidence(*, run_id: UUID, evidence: Evidence) -> None:
    """Store what an answer rests on."""
    ClinicalQuery.objects.filter(run_id=run_id).update(
        confidence=evidence.confidence,
        citations=msgspec.to_builtins(evidence.citations),
        records_analyzed=evidence.records_analyzed,
        chunks_used=evidence.chunks_used,
    )


def stored_evidence(run: Run) -> Evidence | None:
    """What the answer of a run that is over rests on; None for runs of other channels."""
    query = ClinicalQuery.objects.filter(run_id=run.id).first()
    if query is None:
        return None
    patient = None
    if run.thread.patient_id is not None:
        known = patient_by_document(document_type_id=query.document_type_id, document_number=query.document_number)
        patient = patient_info(known) if known and known.patient_id == run.thread.patient_id else None
    return Evidence(
        at=timestamp(run.finished_at),
        patient=patient,
        model=run.model,
        confidence=query.confidence,
        citations=msgspec.convert(query.citations, list[Citation]),
        records_analyzed=query.records_analyzed,
        chunks_used=query.chunks_used,
    )


def patient_info(patient: KnownPatient) -> PatientInfo:
    """The patient as clients are told of them."""
    return PatientInfo(
        patient_id=patient.patient_id,
        full_name=patient.full_name,
        document_type=patient.document_type,
        document_number=patient.document_number,
    )


def timestamp(at: datetime | None = None) -> str:
    """That moment, or now, in ISO 8601 UTC."""
    return (at or clock.now()).isoformat(timespec="milliseconds").replace("+00:00", "Z")
