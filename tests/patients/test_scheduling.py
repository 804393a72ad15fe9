import re
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.signals import pre_save

from healthmate.common.errors import ApiError
from patients.models import Appointment
from patients.services import (
    block_slots,
    book_by_clinic,
    cancel_appointment,
    cancel_by_clinic,
    close_by_clinic,
    confirm_appointment,
    move_appointment,
    propose_appointment,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def refusal(function, **arguments):
    """The code with which a service refuses."""
    with pytest.raises(ApiError) as raised:
        function(**arguments)
    return raised.value.error.code


@pytest.fixture
def laura(make_patient):
    return make_patient()


@pytest.fixture
def carlos(make_patient):
    return make_patient("19384756", code="CC", full_name="Carlos Rojas")


@pytest.fixture
def book():
    def run(patient, slot):
        held = propose_appointment(patient_id=patient.pk, slot_id=slot.pk)
        return confirm_appointment(patient_id=patient.pk, appointment_id=held.pk)

    return run


def test_a_proposal_holds_the_slot_for_ten_minutes(laura, carlos, make_slot, clock):
    slot, thread = make_slot(), uuid4()
    hold = propose_appointment(patient_id=laura.pk, slot_id=slot.pk, thread_id=thread, reason="Control")
    assert (hold.status, hold.slot, hold.thread_id, hold.reason) == ("pending", slot, thread, "Control")
    assert hold.expires_at.isoformat() == "2026-11-21T17:10:00+00:00"
    assert refusal(propose_appointment, patient_id=carlos.pk, slot_id=slot.pk) == "SLOT_TAKEN"


def test_an_expired_hold_is_anybodys(laura, carlos, make_slot, clock):
    slot = make_slot()
    first = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    clock.shift(timedelta(minutes=10))
    second = propose_appointment(patient_id=carlos.pk, slot_id=slot.pk)
    first.refresh_from_db()
    assert (first.status, second.status) == ("cancelled", "pending")
    assert refusal(confirm_appointment, patient_id=laura.pk, appointment_id=first.pk) == "HOLD_EXPIRED"


def test_proposing_again_renews_the_hold(laura, make_slot, clock):
    slot = make_slot()
    first = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    clock.shift(timedelta(minutes=5))
    again = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    assert again.pk == first.pk
    assert again.expires_at - first.expires_at == timedelta(minutes=5)


def test_another_choice_in_the_same_thread_lets_go_of_the_first(laura, carlos, make_slot):
    first, second, thread = make_slot("2026-11-24 10:00"), make_slot("2026-11-24 15:00"), uuid4()
    held = propose_appointment(patient_id=laura.pk, slot_id=first.pk, thread_id=thread)
    propose_appointment(patient_id=laura.pk, slot_id=second.pk, thread_id=thread)
    held.refresh_from_db()
    assert held.status == "cancelled"
    assert propose_appointment(patient_id=carlos.pk, slot_id=first.pk).status == "pending"


def test_a_hold_of_another_thread_stays_unless_it_overlaps(laura, make_slot):
    first, second = make_slot("2026-11-24 10:00"), make_slot("2026-11-24 15:00")
    overlapping = make_slot("2026-11-24 15:10")
    holds = [
        propose_appointment(patient_id=laura.pk, slot_id=slot.pk, thread_id=uuid4())
        for slot in (first, second, overlapping)
    ]
    assert [Appointment.objects.get(pk=hold.pk).status for hold in holds] == ["pending", "cancelled", "pending"]


@pytest.mark.parametrize("kind", ["past", "blocked", "inactive", "none"])
def test_only_what_is_offered_can_be_held(laura, make_slot, make_practitioner, kind):
    slots = {
        "past": lambda: make_slot("2026-11-21 12:00").pk,
        "blocked": lambda: make_slot(blocked=True).pk,
        "inactive": lambda: make_slot(practitioner=make_practitioner(active=False)).pk,
        "none": lambda: 2**63 - 1,
    }
    assert refusal(propose_appointment, patient_id=laura.pk, slot_id=slots[kind]()) == "SLOT_NOT_FOUND"


def test_nobody_is_in_two_places_at_once(laura, book, make_slot):
    booked = book(laura, make_slot("2026-11-24 10:00"))
    overlapping, touching = make_slot("2026-11-24 10:15"), make_slot("2026-11-24 10:30")
    with pytest.raises(ApiError) as raised:
        propose_appointment(patient_id=laura.pk, slot_id=overlapping.pk)
    assert raised.value.error.code == "APPOINTMENT_OVERLAP"
    assert raised.value.details == {"appointment_id": str(booked.pk)}
    assert propose_appointment(patient_id=laura.pk, slot_id=touching.pk).status == "pending"
    assert refusal(propose_appointment, patient_id=laura.pk, slot_id=booked.slot_id) == "APPOINTMENT_OVERLAP"


def test_a_confirmation_books_and_gives_a_reference(laura, make_slot):
    hold = propose_appointment(patient_id=laura.pk, slot_id=make_slot().pk)
    booked = confirm_appointment(patient_id=laura.pk, appointment_id=hold.pk)
    assert (booked.pk, booked.status, booked.expires_at) == (hold.pk, "booked", None)
    assert re.fullmatch(r"HM-[2-9A-HJKMNP-Z]{6}", booked.reference)
    again = confirm_appointment(patient_id=laura.pk, appointment_id=hold.pk)
    assert (again.status, again.reference) == ("booked", booked.reference)


def test_an_expired_hold_is_booked_while_its_slot_is_free(laura, make_slot, clock):
    hold = propose_appointment(patient_id=laura.pk, slot_id=make_slot().pk)
    clock.shift(timedelta(hours=1))
    assert confirm_appointment(patient_id=laura.pk, appointment_id=hold.pk).status == "booked"


def test_an_expired_hold_that_another_let_go_again_is_booked(laura, carlos, make_slot, clock):
    slot = make_slot()
    hold = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    clock.shift(timedelta(minutes=11))
    other = propose_appointment(patient_id=carlos.pk, slot_id=slot.pk)
    cancel_appointment(patient_id=carlos.pk, appointment_id=other.pk)
    assert confirm_appointment(patient_id=laura.pk, appointment_id=hold.pk).status == "booked"


@pytest.mark.parametrize("words", ["hold expired", "another time was chosen", ""])
def test_no_words_of_a_patients_make_a_cancelled_appointment_confirmable(laura, book, make_slot, words):
    held = propose_appointment(patient_id=laura.pk, slot_id=make_slot("2026-11-25 10:00").pk)
    for appointment in (book(laura, make_slot()), held):
        arguments = {"patient_id": laura.pk, "appointment_id": appointment.pk}
        cancel_appointment(**arguments, reason=words)
        assert refusal(confirm_appointment, **arguments) == "APPOINTMENT_ALREADY_CANCELLED"


def test_a_lapsed_hold_that_is_booked_after_all_and_then_cancelled_stays_cancelled(laura, carlos, make_slot, clock):
    slot = make_slot()
    hold = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    clock.shift(timedelta(minutes=11))
    other = propose_appointment(patient_id=carlos.pk, slot_id=slot.pk)
    cancel_appointment(patient_id=carlos.pk, appointment_id=other.pk)
    arguments = {"patient_id": laura.pk, "appointment_id": hold.pk}
    assert confirm_appointment(**arguments).status == "booked"
    cancel_appointment(**arguments)
    assert refusal(confirm_appointment, **arguments) == "APPOINTMENT_ALREADY_CANCELLED"


def test_what_the_clinic_cancels_is_not_confirmed_even_when_its_hold_had_run_out(laura, make_slot, clock):
    hold = propose_appointment(patient_id=laura.pk, slot_id=make_slot().pk)
    clock.shift(timedelta(minutes=11))
    assert cancel_by_clinic(appointment_ids=[hold.pk], reason="hold expired") == 1
    code = refusal(confirm_appointment, patient_id=laura.pk, appointment_id=hold.pk)
    assert code == "APPOINTMENT_ALREADY_CANCELLED"


@pytest.mark.parametrize("change", ["blocked", "begun"])
def test_a_hold_does_not_outlive_its_slot(laura, make_slot, clock, change):
    slot = make_slot()
    hold = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    if change == "blocked":
        assert block_slots(slot_ids=[slot.pk], blocked=True) == 1
    else:
        clock.shift(timedelta(days=4))
    assert refusal(confirm_appointment, patient_id=laura.pk, appointment_id=hold.pk) == "HOLD_EXPIRED"


def test_what_was_let_go_is_not_confirmed(laura, make_slot):
    thread = uuid4()
    first = propose_appointment(patient_id=laura.pk, slot_id=make_slot().pk, thread_id=thread)
    propose_appointment(patient_id=laura.pk, slot_id=make_slot("2026-11-25 10:00").pk, thread_id=thread)
    assert refusal(confirm_appointment, patient_id=laura.pk, appointment_id=first.pk) == "APPOINTMENT_ALREADY_CANCELLED"


def test_another_patients_appointment_is_not_there(laura, carlos, book, make_slot):
    booked, free = book(laura, make_slot()), make_slot("2026-11-25 10:00")
    for function, more in (
        (confirm_appointment, {}),
        (cancel_appointment, {}),
        (move_appointment, {"slot_id": free.pk}),
    ):
        for pk in (booked.pk, uuid4()):
            code = refusal(function, patient_id=carlos.pk, appointment_id=pk, **more)
            assert code == "APPOINTMENT_NOT_FOUND"
    booked.refresh_from_db()
    assert booked.status == "booked"


def test_a_move_keeps_the_reference_and_frees_the_old_slot(laura, carlos, book, make_slot):
    old, new = make_slot(), make_slot("2026-11-24 10:15")
    booked = book(laura, old)
    moved = move_appointment(patient_id=laura.pk, appointment_id=booked.pk, slot_id=new.pk)
    assert (moved.pk, moved.reference, moved.slot, moved.status) == (booked.pk, booked.reference, new, "booked")
    assert move_appointment(patient_id=laura.pk, appointment_id=booked.pk, slot_id=new.pk).slot == new
    assert propose_appointment(patient_id=carlos.pk, slot_id=old.pk).status == "pending"


def test_a_move_takes_over_what_the_patient_holds(laura, book, make_slot):
    booked, new = book(laura, make_slot()), make_slot("2026-11-25 10:00")
    hold = propose_appointment(patient_id=laura.pk, slot_id=new.pk)
    assert move_appointment(patient_id=laura.pk, appointment_id=booked.pk, slot_id=new.pk).slot == new
    hold.refresh_from_db()
    assert hold.status == "cancelled"


def test_a_move_that_cannot_be_leaves_everything(laura, carlos, book, make_slot):
    booked, taken = book(laura, make_slot()), make_slot("2026-11-25 10:00")
    book(carlos, taken)
    arguments = {"patient_id": laura.pk, "appointment_id": booked.pk}
    assert refusal(move_appointment, **arguments, slot_id=taken.pk) == "SLOT_TAKEN"
    assert refusal(move_appointment, **arguments, slot_id=1) == "SLOT_NOT_FOUND"
    assert Appointment.objects.get(pk=booked.pk).slot == booked.slot


def test_what_is_not_booked_is_not_moved(laura, make_slot):
    hold = propose_appointment(patient_id=laura.pk, slot_id=make_slot().pk)
    new = make_slot("2026-11-25 10:00")
    arguments = {"patient_id": laura.pk, "appointment_id": hold.pk, "slot_id": new.pk}
    assert refusal(move_appointment, **arguments) == "APPOINTMENT_NOT_BOOKED"
    cancel_appointment(patient_id=laura.pk, appointment_id=hold.pk)
    assert refusal(move_appointment, **arguments) == "APPOINTMENT_ALREADY_CANCELLED"


def test_a_cancellation_frees_the_slot_and_is_told_when_repeated(laura, carlos, book, make_slot):
    booked = book(laura, make_slot())
    cancelled = cancel_appointment(patient_id=laura.pk, appointment_id=booked.pk, reason="trip")
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "trip")
    code = refusal(cancel_appointment, patient_id=laura.pk, appointment_id=booked.pk)
    assert code == "APPOINTMENT_ALREADY_CANCELLED"
    assert book(carlos, booked.slot).status == "booked"


def test_the_past_stays_as_it_was(laura, book, make_slot, clock):
    booked, later = book(laura, make_slot()), make_slot("2026-12-24 10:00")
    clock.shift(timedelta(days=5))
    arguments = {"patient_id": laura.pk, "appointment_id": booked.pk}
    assert refusal(cancel_appointment, **arguments) == "APPOINTMENT_PAST"
    assert refusal(move_appointment, **arguments, slot_id=later.pk) == "APPOINTMENT_PAST"


def test_the_clinic_cancels_what_is_open(laura, book, make_slot):
    booked = book(laura, make_slot())
    done = book(laura, make_slot("2026-11-25 10:00"))
    Appointment.objects.filter(pk=done.pk).update(status="fulfilled")
    assert cancel_by_clinic(appointment_ids=[booked.pk, done.pk], reason="strike") == 1
    assert Appointment.objects.get(pk=done.pk).status == "fulfilled"


def test_the_clinic_books_under_the_same_rules(laura, carlos, book, make_slot):
    taken = book(carlos, make_slot()).slot
    booked = book_by_clinic(patient_id=laura.pk, slot_id=make_slot("2026-11-25 10:00").pk, reason="Control")
    assert (booked.status, booked.reason, booked.expires_at, bool(booked.reference)) == (
        "booked",
        "Control",
        None,
        True,
    )
    for code, slot in (
        ("SLOT_TAKEN", taken),
        ("APPOINTMENT_OVERLAP", make_slot("2026-11-25 10:15")),
        ("SLOT_NOT_FOUND", make_slot("2026-11-26 10:00", blocked=True)),
    ):
        assert refusal(book_by_clinic, patient_id=laura.pk, slot_id=slot.pk) == code
    assert Appointment.objects.filter(patient=laura).count() == 1


def test_the_clinic_books_what_the_patient_holds_and_the_thread_stays(laura, make_slot):
    slot, thread = make_slot(), uuid4()
    hold = propose_appointment(patient_id=laura.pk, slot_id=slot.pk, thread_id=thread)
    booked = book_by_clinic(patient_id=laura.pk, slot_id=slot.pk)
    assert (booked.pk, booked.status, booked.thread_id) == (hold.pk, "booked", thread)


def test_the_clinic_says_who_came_and_may_correct_itself(laura, book, make_slot, clock):
    begun, later = book(laura, make_slot()), book(laura, make_slot("2026-12-24 10:00"))
    clock.shift(timedelta(days=5))
    both = {"appointment_ids": [begun.pk, later.pk]}
    assert [close_by_clinic(**both, came=False), close_by_clinic(**both, came=True)] == [1, 0]
    assert close_by_clinic(**both, came=True, correcting=True) == 1
    assert [Appointment.objects.get(pk=one.pk).status for one in (begun, later)] == ["fulfilled", "booked"]


def test_the_database_itself_holds_one_live_appointment_per_slot(laura, carlos, book, make_slot):
    booked = book(laura, make_slot())
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment.objects.create(patient=carlos, slot=booked.slot, status="booked", reference="HM-222222")


def at_once(*works):
    """Run these in threads of their own, and give back what each returned or with which code it was refused."""
    outcomes, start = [], threading.Barrier(len(works))

    def run(work):
        try:
            start.wait()
            outcomes.append(work().status)
        except ApiError as error:
            outcomes.append(error.error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_who_want_one_slot_exactly_one_gets_it(make_patient, make_slot):
    slot = make_slot()
    patients = [make_patient(str(number)) for number in range(6)]
    outcomes = at_once(*(lambda p=p: propose_appointment(patient_id=p.pk, slot_id=slot.pk) for p in patients))
    assert outcomes == ["SLOT_TAKEN"] * 5 + ["pending"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_one_patient_cannot_book_two_overlapping_slots_at_once(laura, make_slot):
    holds = [
        Appointment.objects.create(
            patient=laura, slot=make_slot(start), expires_at=make_slot("2026-12-01 10:00").starts_at
        )
        for start in ("2026-11-24 10:00", "2026-11-24 10:15")
    ]
    outcomes = at_once(*(lambda h=h: confirm_appointment(patient_id=laura.pk, appointment_id=h.pk) for h in holds))
    assert outcomes == ["APPOINTMENT_ALREADY_CANCELLED", "booked"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_late_confirmation_and_a_new_proposal_do_not_both_win(laura, carlos, make_slot, clock):
    slot = make_slot()
    hold = propose_appointment(patient_id=laura.pk, slot_id=slot.pk)
    clock.shift(timedelta(minutes=11))
    outcomes = at_once(
        lambda: confirm_appointment(patient_id=laura.pk, appointment_id=hold.pk),
        lambda: propose_appointment(patient_id=carlos.pk, slot_id=slot.pk),
    )
    assert outcomes in (["SLOT_TAKEN", "booked"], ["HOLD_EXPIRED", "pending"])
    assert Appointment.objects.filter(slot=slot, status__in=("pending", "booked")).count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_patients_who_swap_towards_one_slot(laura, carlos, book, make_slot):
    free = make_slot("2026-11-25 10:00")
    booked = [book(laura, make_slot()), book(carlos, make_slot())]
    outcomes = at_once(
        *(lambda b=b: move_appointment(patient_id=b.patient_id, appointment_id=b.pk, slot_id=free.pk) for b in booked)
    )
    assert outcomes == ["SLOT_TAKEN", "booked"]


# --- The clinic and the patient at once: two connections, in an order that the test chooses ------------------


def confirming(patient, make_slot):
    """A hold, and its confirmation."""
    held = propose_appointment(patient_id=patient.pk, slot_id=make_slot().pk)
    return held, lambda: confirm_appointment(patient_id=patient.pk, appointment_id=held.pk)


def moving(patient, make_slot):
    """A booked appointment, and its move to another slot."""
    held, confirm = confirming(patient, make_slot)
    confirm()
    new = make_slot("2026-11-25 10:00")
    return held, lambda: move_appointment(patient_id=patient.pk, appointment_id=held.pk, slot_id=new.pk)


def proposing_again(patient, make_slot):
    """A hold, and its renewal."""
    held, _ = confirming(patient, make_slot)
    return held, lambda: propose_appointment(patient_id=patient.pk, slot_id=held.slot_id)


class Elsewhere(threading.Thread):
    """Work on a connection of its own; `outcome` is what it gave back, or the code of its refusal."""

    def __init__(self, work):
        super().__init__()
        self.work = work
        self.outcome = None

    def run(self):
        try:
            self.outcome = self.work()
        except ApiError as error:
            self.outcome = error.error.code
        finally:
            connections.close_all()

    def start_until_it_waits(self):
        """Return once the work is done, or stands before a lock that this test holds."""
        self.start()
        while self.is_alive():
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    return
            self.join(0.01)


RACES = pytest.mark.parametrize("race", [confirming, moving, proposing_again], ids=lambda race: race.__name__)


@RACES
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_cancellation_by_the_clinic_amid_a_patients_change_stands(laura, make_slot, race):
    appointment, work = race(laura, make_slot)
    clinic = Elsewhere(lambda: cancel_by_clinic(appointment_ids=[appointment.pk], reason="strike"))

    def just_before_it_is_written(**_):
        if clinic.ident is None:
            clinic.start_until_it_waits()

    pre_save.connect(just_before_it_is_written, sender=Appointment)
    try:
        work()
    finally:
        pre_save.disconnect(just_before_it_is_written, sender=Appointment)
    clinic.join()
    appointment.refresh_from_db()
    assert (clinic.outcome, appointment.status, appointment.cancel_reason) == (1, "cancelled", "strike")


@RACES
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_patients_change_amid_a_cancellation_by_the_clinic_is_refused(laura, make_slot, race):
    appointment, work = race(laura, make_slot)
    patient = Elsewhere(work)
    with transaction.atomic():
        assert cancel_by_clinic(appointment_ids=[appointment.pk], reason="strike") == 1
        patient.start_until_it_waits()
    patient.join()
    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancel_reason) == ("cancelled", "strike")
    if race is not proposing_again:  # which takes the slot that has become free, in a new appointment
        assert patient.outcome == "APPOINTMENT_ALREADY_CANCELLED"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_who_came_is_not_written_over_a_cancellation(laura, book, make_slot, clock):
    booked = book(laura, make_slot())
    clock.shift(timedelta(days=5))
    other = Elsewhere(lambda: close_by_clinic(appointment_ids=[booked.pk], came=True))
    with transaction.atomic():
        cancel_by_clinic(appointment_ids=[booked.pk], reason="strike")
        other.start_until_it_waits()
    other.join()
    booked.refresh_from_db()
    assert (other.outcome, booked.status) == (0, "cancelled")
