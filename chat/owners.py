"""Who a conversation belongs to, as the server knows it: a logged-in user or a device."""

from dataclasses import dataclass
from uuid import UUID

from chat.models import Thread
from healthmate.common.devices import short_hash


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Exactly one of the two is set."""

    user_id: UUID | None = None
    device_id: str | None = None

    @property
    def phone_number(self) -> str:
        """The contact's address (seed 5: `chat_{user_id}`); the colon keeps a device from naming a user."""
        return f"chat_user:{self.user_id}" if self.user_id else f"chat_{self.device_id}"

    @property
    def lock_key(self) -> str:
        """What the session lock is kept under (seed 5)."""
        return self.phone_number.removeprefix("chat_")

    @property
    def actor(self) -> str:
        """A name for logs, limits and access events that gives no access."""
        return str(self.user_id) if self.user_id else short_hash(self.device_id or "")


def actor_of(thread: Thread) -> str:
    """The same name, from a stored thread."""
    contact = thread.contact
    if contact is None:
        return "system"
    if contact.user_id:
        return str(contact.user_id)
    return short_hash(contact.phone_number.removeprefix("chat_"))
