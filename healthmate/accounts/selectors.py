"""Reads: whose login is still good."""

from typing import Any
from uuid import UUID

from healthmate.accounts.models import TokenFamily, User
from healthmate.common import clock
from healthmate.common.steps import Prepared, Steps

_FAMILY = tuple(field.attname for field in TokenFamily._meta.concrete_fields)
_USER = tuple(field.attname for field in User._meta.concrete_fields)


def _family(*values: Any) -> TokenFamily:
    family = TokenFamily.from_db("default", _FAMILY, values[: len(_FAMILY)])
    family.user = User.from_db("default", _USER, values[len(_FAMILY) :])
    return family


_family_of = Prepared(
    _family,
    lambda family_id, user_id: TokenFamily.objects.filter(pk=family_id, user_id=user_id).values_list(
        *_FAMILY, *(f"user__{name}" for name in _USER)
    ),
    {"family_id": UUID(int=1), "user_id": UUID(int=2)},
)


def good_family(*, family_id: UUID, user_id: UUID) -> Steps[TokenFamily | None]:
    """The user's family with its user loaded, or None when its tokens are no longer honoured."""
    family = yield from _family_of.first(family_id=family_id, user_id=user_id)
    return family if family and family.is_good(clock.now()) else None
