"""Identification and registration by document and birth date, with limits that reveal nothing."""

import hmac
from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from healthmate.common.cleanup import CleanUp
from healthmate.common.clock import local_today, now
from healthmate.common.errors import ApiError
from patients import errors
from patients.documents import normalize_number
from patients.models import Consent, DocumentType, IdentityAttempt, Patient, PatientIdentifier

DOCUMENT_FACTOR = 2  # a document may be tried from several devices
FORGET_AFTER = timedelta(days=1)  # failures that led to no lock, counted from the last one
OLDEST_AGE = timedelta(days=366 * 130)


def identify(*, document_type: str, document_number: str, birth_date: date, thread_id: UUID, actor: str) -> Patient:
    """The patient whose document and birth date these are; any of their identifiers will do.

    Raises UNKNOWN_DOCUMENT_TYPE (nothing counted), IDENTITY_LOCKED (`details.locked_until`), and
    IDENTITY_NOT_MATCHED alike for a wrong date, an unknown document and an ambiguous one: with the
    same queries, so that neither the answer nor its time tells which. Call it where a refusal is
    committed: the attempt counts only then.
    """
    kind = _document_type(document_type)
    numbers = spellings(document_number, kind)
    with transaction.atomic():
        attempts = _locked_attempts([*_subjects(thread_id=thread_id, actor=actor), _document_subject(kind, numbers)])
        _refuse_if_locked(attempts)
        patient = _match(kind, numbers, birth_date)
        # A success forgives nothing: whoever has a record of their own could else guess at others without limit.
        if patient is None:
            _count_failure(attempts)
    if patient is None:
        raise ApiError(errors.IDENTITY_NOT_MATCHED)
    return patient


def register(
    *,
    document_type: str,
    document_number: str,
    full_name: str,
    birth_date: date,
    consent: str,
    thread_id: UUID,
    actor: str,
    phone: str = "",
    email: str = "",
) -> tuple[Patient, bool]:
    """Register a person with their consent; `(patient, created)`.

    Somebody who is registered already and gives the right birth date has identified themselves and
    gets their own record back (`created` is False). With another date the answer is REGISTRATION_REFUSED,
    which tells no more than that the clinic must help. A registration that succeeds does tell that the
    document was not here before; as that cannot be hidden, every call counts as an attempt to
    identify, by thread, device and document, whatever comes of it, and the limits hold (IDENTITY_LOCKED).
    """
    kind = _document_type(document_type)
    numbers = spellings(document_number, kind)
    if kind.issuer_scoped or not numbers[-1]:
        raise ApiError(errors.UNKNOWN_DOCUMENT_TYPE, details={"document_types": registration_types()})
    if not local_today() - OLDEST_AGE < birth_date <= local_today():
        raise ApiError(errors.UNLIKELY_BIRTH_DATE)
    with transaction.atomic():
        attempts = _locked_attempts([*_subjects(thread_id=thread_id, actor=actor), _document_subject(kind, numbers)])
        _refuse_if_locked(attempts)
        _count_failure(attempts)
        known = PatientIdentifier.objects.filter(document_type=kind, normalized__in=numbers).exists()
        patient = _match(kind, numbers, birth_date)
        if not known:
            # How a name falls into given and family names is not for us to guess.
            person = Patient(full_name=full_name, birth_date=birth_date, phone=phone, email=email)
            patient = _stored(person, kind, numbers[-1])
            if patient:
                Consent.objects.create(patient=patient, words=consent, thread_id=thread_id)
    if patient is None:
        raise ApiError(errors.REGISTRATION_REFUSED)
    return patient, not known


def _stored(person: Patient, kind: DocumentType, number: str) -> Patient | None:
    """The person with their document, or None when an import has just brought that document."""
    try:
        with transaction.atomic():
            person.save()
            add_identifier(patient=person, document_type=kind, number=number)
    except IntegrityError:
        return None
    return person


def add_identifier(
    *, patient: Patient, document_type: DocumentType | None, number: str, system: str = ""
) -> PatientIdentifier:
    """Give a patient one more identifier; IntegrityError when it is another's."""
    return PatientIdentifier.objects.create(patient=patient, document_type=document_type, number=number, system=system)


def registration_types() -> list[str]:
    """Codes of the documents with which a person can register and be found: those that are theirs alone."""
    return list(DocumentType.objects.filter(issuer_scoped=False).values_list("code", flat=True))


def _document_type(code: str) -> DocumentType:
    kind = DocumentType.objects.filter(code__iexact=code.strip()).first()
    if kind is None:
        codes = list(DocumentType.objects.values_list("code", flat=True))
        raise ApiError(errors.UNKNOWN_DOCUMENT_TYPE, details={"document_types": codes})
    return kind


def spellings(number: str, kind: DocumentType) -> tuple[str, ...]:
    """The normal forms that a number may have been stored in: as given, and without its type in front."""
    normal = normalize_number(number)
    bare = normal.removeprefix(normalize_number(kind.code))
    return (normal, bare) if bare else (normal,)


def _match(kind: DocumentType, numbers: tuple[str, ...], birth_date: date) -> Patient | None:
    """The one patient with that document, if born that day. One query, whatever it finds."""
    found = {
        identifier.patient_id: identifier.patient
        for identifier in PatientIdentifier.objects.filter(document_type=kind, normalized__in=numbers).select_related(
            "patient"
        )[:10]
    }
    patient = next(iter(found.values())) if len(found) == 1 else None
    known = str(patient.birth_date) if patient else "-"
    return patient if hmac.compare_digest(known, birth_date.isoformat()) else None


# --- Attempts ---------------------------------------------------------------------------------------


# A lock that is over counts no more, nor does a failure from long ago (see _count_failure).
forgotten_attempts = CleanUp(
    over=lambda: IdentityAttempt.objects.filter(
        Q(locked_until__isnull=True) | Q(locked_until__lte=now()), last_at__lt=now() - FORGET_AFTER
    ),
    since="last_at",
)


def _subjects(*, thread_id: UUID, actor: str) -> list[str]:
    return [_subject("thread", str(thread_id)), _subject("actor", actor)]


def _document_subject(kind: DocumentType, numbers: tuple[str, ...]) -> str:
    return _subject("document", f"{kind.pk}:{numbers[-1]}")


def _subject(kind: str, value: str) -> str:
    """A name for whom attempts are counted for, from which nobody can read a document number."""
    return f"{kind}:{salted_hmac('patients.identity', value, algorithm='sha256').hexdigest()}"


def _locked_attempts(subjects: Iterable[str]) -> list[IdentityAttempt]:
    """The rows of these subjects, made if need be, held until the transaction ends (always in one order)."""
    ordered = sorted(subjects)
    while True:
        IdentityAttempt.objects.bulk_create(
            [IdentityAttempt(subject=subject, last_at=now()) for subject in ordered], ignore_conflicts=True
        )
        attempts = list(IdentityAttempt.objects.select_for_update().filter(subject__in=ordered).order_by("subject"))
        if len(attempts) == len(ordered):  # else a clean-up came between the two
            return attempts


def _refuse_if_locked(attempts: list[IdentityAttempt]) -> None:
    ends = [attempt.locked_until for attempt in attempts if attempt.locked_until and attempt.locked_until > now()]
    if ends:
        raise ApiError(errors.IDENTITY_LOCKED, details={"locked_until": max(ends).isoformat()})


def _count_failure(attempts: list[IdentityAttempt]) -> None:
    for attempt in attempts:
        over = attempt.locked_until is not None or attempt.last_at < now() - FORGET_AFTER
        attempt.failures = 1 if over else attempt.failures + 1
        attempt.locked_until = now() + _lock_time() if attempt.failures >= _allowed(attempt) else None
        attempt.last_at = now()
    IdentityAttempt.objects.bulk_update(attempts, ["failures", "locked_until", "last_at"])


def _allowed(attempt: IdentityAttempt) -> int:
    factor = DOCUMENT_FACTOR if attempt.subject.startswith("document:") else 1
    return int(settings.IDENTITY_MAX_ATTEMPTS) * factor


def _lock_time() -> timedelta:
    return timedelta(minutes=settings.IDENTITY_LOCK_MINUTES)
