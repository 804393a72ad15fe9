"""What a socket's user may do, asked of the database at the handshake and again at every question."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy

from chat.models import Run
from chat.owners import Owner
from chat.services import clinical
from chat.services.clinical import Question
from healthmate.accounts import selectors, services, tokens
from healthmate.accounts.tokens import Login
from healthmate.common import errors
from healthmate.common.errors import ApiError
from healthmate.common.steps import now
from healthmate.common.throttles import MessageThrottle
from realtime.slots import Slot, take_slot

MAY_READ = "patients.view_clinicalrecord"
NO_SESSION = gettext_lazy("You have no such session.")


@dataclass(frozen=True, kw_only=True)
class Clinician:
    """Who holds a socket, until when, and their place among their open sockets."""

    user_id: UUID
    family_id: UUID
    expires_at: datetime
    slot: Slot | None

    @property
    def owner(self) -> Owner:
        """To whom the conversations belong."""
        return Owner(user_id=self.user_id)


def admit(*, token: str, ticket: str) -> Clinician:
    """Who opens a socket. Raises ApiError INVALID_TOKEN, FORBIDDEN, RATE_LIMITED."""
    login = services.redeem_ticket_for_login(ticket=ticket) if ticket else tokens.login_of(token)
    _check_may_read(login)
    return Clinician(
        user_id=login.family.user_id,
        family_id=login.family.pk,
        expires_at=login.expires_at,
        slot=take_slot(who=str(login.family.user_id), limit=settings.RATE_SOCKETS),
    )


def check(clinician: Clinician) -> None:
    """Whether the socket's user may still read records. Raises ApiError INVALID_TOKEN, FORBIDDEN."""
    family = now(selectors.good_family(family_id=clinician.family_id, user_id=clinician.user_id))
    if family is None:
        raise ApiError(errors.INVALID_TOKEN)
    _check_may_read(Login(family=family, expires_at=clinician.expires_at))


def accept_question(*, clinician: Clinician, question: Question) -> tuple[Run, bool]:
    """Store a question whose answer is to be started.

    Raises ApiError INVALID_TOKEN, FORBIDDEN, RATE_LIMITED, RUN_ACTIVE.
    """
    check(clinician)
    MessageThrottle().count(f"user:{clinician.user_id}")
    return clinical.accept_question(owner=clinician.owner, question=question)


def session_to_read(*, clinician: Clinician, session_id: str) -> Run:
    """The newest run of the clinician's session, to be read once more; it counts like a question.

    Raises ApiError INVALID_TOKEN, FORBIDDEN, RATE_LIMITED, and INVALID_REQUEST when there is no such session.
    """
    check(clinician)
    MessageThrottle().count(f"user:{clinician.user_id}")
    return _existing(clinical.note_rereading(owner=clinician.owner, session_id=session_id))


def session_to_stop(*, clinician: Clinician, session_id: str) -> Run:
    """The newest run of the clinician's session, to be read to its end unless it is over.

    Raises ApiError INVALID_TOKEN, FORBIDDEN, and INVALID_REQUEST when there is no such session.
    """
    check(clinician)
    run = _existing(clinical.newest_run(clinician.owner, session_id))
    # Of one that is over nothing is shown, so nothing is noted.
    return run if run.is_over else _existing(clinical.note_rereading(owner=clinician.owner, session_id=session_id))


def _existing(run: Run | None) -> Run:
    if run is None:
        raise ApiError(errors.INVALID_REQUEST, message=NO_SESSION)
    return run


def _check_may_read(login: Login) -> None:
    if not login.family.user.has_perm(MAY_READ):
        raise ApiError(errors.FORBIDDEN)
