"""How many sockets a user has open, over all workers: a place each, kept in the cache for as long as it is renewed."""

import secrets
from dataclasses import dataclass

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from healthmate.common import errors
from healthmate.common.errors import ApiError
from healthmate.common.throttles import parse_count

SECONDS = 120  # after which the places of a dead process are free again


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place among a user's sockets."""

    key: str
    mark: str

    def renew(self) -> None:
        """Keep the place for SECONDS more."""
        cache.set(self.key, self.mark, SECONDS)

    def free(self) -> None:
        """Give the place back."""
        if cache.get(self.key) == self.mark:
            cache.delete(self.key)


def take_slot(*, who: str, limit: str) -> Slot | None:
    """A free place among the `limit` that `who` has; None where there is no limit. Raises ApiError RATE_LIMITED."""
    allowed = parse_count(limit)
    if allowed is None:
        return None
    keys = [f"sockets:{who}:{number}" for number in range(allowed)]
    taken = cache.get_many(keys)
    for key in keys:
        mark = secrets.token_hex(8)
        if key not in taken and cache.add(key, mark, SECONDS):
            return Slot(key=key, mark=mark)
    raise ApiError(errors.RATE_LIMITED, message=_("You have too many sockets open; close one first."))
