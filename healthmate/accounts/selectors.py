"""Reads: whose login is still good."""

from uuid import UUID

from healthmate.accounts.models import TokenFamily
from healthmate.common import clock


def good_family(*, family_id: UUID, user_id: UUID) -> TokenFamily | None:
    """The user's family with its user loaded, or None when its tokens are no longer honoured."""
    family = TokenFamily.objects.select_related("user").filter(pk=family_id, user_id=user_id).first()
    return family if family and family.is_good(clock.now()) else None
