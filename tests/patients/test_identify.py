import threading
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from healthmate.common.errors import ApiError
from patients.models import AccessEvent, IdentityAttempt
from patients.services import add_identifier, identify
from patients.tools import fetch_patient_info

pytestmark = pytest.mark.django_db
BORN = date(1990, 5, 14)


@pytest.fixture
def attempt():
    """Try to identify; the patient, or the code of the refusal."""

    def run(number="30995750", *, born=BORN, code="CD", thread=None, actor=None):
        try:
            return identify(
                document_type=code,
                document_number=number,
                birth_date=born,
                thread_id=thread or uuid4(),
                actor=actor or str(uuid4()),
            )
        except ApiError as error:
            return error.error.code

    return run


@pytest.mark.parametrize("number", ["30995750", "30.995.750", "30 995 750", "cd-30995750", "CD30995750"])
def test_document_and_birth_date_find_the_patient(attempt, make_patient, number):
    patient = make_patient()
    assert attempt(number) == patient


def test_any_identifier_finds_the_patient(attempt, make_patient):
    from patients.models import DocumentType

    patient = make_patient()
    add_identifier(patient=patient, document_type=DocumentType.objects.get(code="PA"), number="AR-456789")
    assert attempt("ar456789", code="pa") == patient


def test_the_type_counts(attempt, make_patient):
    make_patient()
    assert attempt(code="CC") == "IDENTITY_NOT_MATCHED"


def test_a_partial_birth_date_matches_nothing(attempt, make_patient):
    make_patient(born="", birth_date_text="1990")
    assert attempt(born=date(1990, 1, 1)) == "IDENTITY_NOT_MATCHED"


def test_an_unknown_type_is_refused_without_counting(attempt, make_patient):
    make_patient()
    assert attempt(code="ZZ") == "UNKNOWN_DOCUMENT_TYPE"
    assert IdentityAttempt.objects.count() == 0


def test_a_wrong_date_an_unknown_and_an_ambiguous_document_are_told_apart_by_nothing(make_patient):
    make_patient()
    make_patient("77", code="MR", system="https://one.example")
    make_patient("77", code="MR", system="https://two.example")
    answers, queries = [], []
    for code, number, born in (("CD", "30995750", date(1991, 1, 1)), ("CD", "404", BORN), ("MR", "77", BORN)):
        with (
            CaptureQueriesContext(
                connection,
            ) as captured,
            pytest.raises(ApiError) as refusal,
        ):
            identify(document_type=code, document_number=number, birth_date=born, thread_id=uuid4(), actor="a")
        answers.append(refusal.value.as_dict())
        queries.append([query["sql"].split()[0] for query in captured])
        IdentityAttempt.objects.all().delete()
    assert answers == [answers[0]] * 3
    assert queries == [["SELECT", "SAVEPOINT", "INSERT", "SELECT", "SELECT", "UPDATE", "RELEASE"]] * 3


@pytest.mark.parametrize("same", ["thread", "actor"])
def test_five_attempts_lock_a_thread_and_a_device(attempt, make_patient, clock, same):
    patient = make_patient()
    who = {same: uuid4() if same == "thread" else "device-1"}
    assert [attempt(str(n), **who) for n in range(5)] == ["IDENTITY_NOT_MATCHED"] * 5
    assert attempt(**who) == "IDENTITY_LOCKED"
    assert attempt() == patient
    clock.shift(timedelta(minutes=15, seconds=1))
    assert attempt(**who) == patient


def test_the_lock_says_when_it_ends(make_patient, clock, attempt):
    thread = uuid4()
    for n in range(5):
        attempt(str(n), thread=thread)
    with pytest.raises(ApiError) as refusal:
        identify(document_type="CD", document_number="1", birth_date=BORN, thread_id=thread, actor="b")
    assert refusal.value.details == {"locked_until": "2026-11-21T17:15:00+00:00"}


@pytest.mark.parametrize("known", [True, False])
def test_ten_attempts_lock_a_document_whether_it_exists_or_not(attempt, make_patient, clock, known):
    if known:
        make_patient()
    wrong = date(1980, 1, 1)
    assert [attempt(born=wrong) for _ in range(10)] == ["IDENTITY_NOT_MATCHED"] * 10
    assert attempt() == "IDENTITY_LOCKED"
    assert attempt("cd 30.995.750") == "IDENTITY_LOCKED"


def test_a_success_forgives_no_failure(attempt, make_patient):
    patient = make_patient()
    who = {"thread": uuid4(), "actor": "device-1"}
    for _ in range(4):
        attempt(born=date(1980, 1, 1), **who)
    assert attempt(**who) == patient
    counted = {row.subject.split(":")[0]: row.failures for row in IdentityAttempt.objects.all()}
    assert counted == {"document": 4, "thread": 4, "actor": 4}


@pytest.mark.parametrize("same", ["thread", "actor"])
def test_who_has_a_record_cannot_guess_at_others_between_successes(attempt, make_patient, same):
    make_patient()
    make_patient("77")
    who = {same: uuid4() if same == "thread" else "device-1"}
    answers = []
    for guess in range(8):
        answers += [attempt("77", born=date(1980, 1, 1 + guess), **who), attempt(**who)]
    assert answers.count("IDENTITY_NOT_MATCHED") == 5
    assert answers[9:] == ["IDENTITY_LOCKED"] * 7


def test_failures_age_out(attempt, make_patient, clock):
    patient = make_patient()
    thread = uuid4()
    for n in range(4):
        attempt(str(n), thread=thread)
    clock.shift(timedelta(days=1, seconds=1))
    assert [attempt(str(n), thread=thread) for n in range(4)] == ["IDENTITY_NOT_MATCHED"] * 4
    assert attempt(thread=thread) == patient


def test_after_a_lock_the_count_begins_anew(attempt, make_patient, clock):
    thread = uuid4()
    for n in range(5):
        attempt(str(n), thread=thread)
    clock.shift(timedelta(minutes=16))
    assert [attempt(str(n), thread=thread) for n in range(10, 16)] == ["IDENTITY_NOT_MATCHED"] * 5 + ["IDENTITY_LOCKED"]


def test_the_limit_is_a_setting(attempt, settings):
    settings.IDENTITY_MAX_ATTEMPTS = 1
    thread = uuid4()
    assert [attempt(thread=thread), attempt(thread=thread)] == ["IDENTITY_NOT_MATCHED", "IDENTITY_LOCKED"]


def test_no_document_number_is_stored_with_the_attempts(attempt):
    attempt("30995750")
    assert not [row for row in IdentityAttempt.objects.values_list("subject", flat=True) if "30995750" in row]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_attempts_at_once_all_count(attempt):
    answers = []

    def one(number):
        try:
            answers.append(attempt(str(number), actor="device-1"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["IDENTITY_LOCKED"] * 3 + ["IDENTITY_NOT_MATCHED"] * 5


# --- The tool ---------------------------------------------------------------------------------------


def call(context, **arguments):
    values = {"document_type": "CD", "document_number": "30995750", "birth_date": "1990-05-14", **arguments}
    return fetch_patient_info.run(fetch_patient_info.arguments.model_validate(values), context)


@pytest.mark.parametrize(
    "said",
    [
        ("Soy Laura, CD 30.995.750, nací el 14 de mayo de 1990",),
        ("mi documento es cd-30995750", "ah, y nací el 14/05/90"),
        ("30 995 750", "May 14th, 1990"),
    ],
)
def test_what_the_person_wrote_identifies_them(make_patient, make_context, said):
    patient = make_patient()
    context = make_context(*said)
    result = call(context)
    assert result.ok
    assert result.data == {"identified": True, "first_name": "Laura"}
    assert (result.identity.patient_id, result.identity.level) == (patient.pk, 1)
    event = AccessEvent.objects.get()
    assert (event.patient, event.actor, event.purpose) == (patient, "device-1", "identification")
    assert (event.thread_id, event.run_id) == (context.thread_id, context.run_id)


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ((), ["document_number", "birth_date"]),
        (("quiero una cita",), ["document_number", "birth_date"]),
        (("CD 30995750",), ["birth_date"]),
        (("nací el 14 de mayo de 1990",), ["document_number"]),
        (("130995750, 1990-05-14",), ["document_number"]),
        (("309957501, 1990-05-14",), ["document_number"]),
        (("1.030.995.750, 1990-05-14",), ["document_number"]),
        (("30995750, mayo de 1990",), ["birth_date"]),
    ],
)
def test_what_the_model_adds_of_its_own_is_refused_and_not_counted(make_patient, make_context, said, missing):
    make_patient()
    result = call(make_context(*said))
    assert (result.ok, result.code, result.identity) == (False, "IDENTITY_NOT_STATED", None)
    assert result.data["missing"] == missing
    assert IdentityAttempt.objects.count() == 0


def test_a_refusal_counts_and_says_the_same_for_wrong_and_unknown(make_patient, make_context):
    make_patient()
    wrong = call(make_context("30995750 1991-05-14"), birth_date="1991-05-14")
    unknown = call(make_context("999 1990-05-14"), document_number="999")
    assert wrong.data == unknown.data
    assert (wrong.code, wrong.identity) == ("IDENTITY_NOT_MATCHED", None)
    assert AccessEvent.objects.count() == 0
    assert IdentityAttempt.objects.count() == 5  # the device is the same
