"""Who writes, in which conversation, and what was said."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Contact(models.Model):
    """Who is at the other end of a channel (seed 5's `users`): a device, a user, a phone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Longer than the seed's 20: `chat_` and a device id that cannot be guessed.
    phone_number = models.CharField(_("address"), max_length=160, unique=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="contact"
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return self.name or str(self.id)


class Thread(models.Model):
    """A conversation, and what the server knows about who is in it."""

    class Level(models.IntegerChoices):
        """How far the person is identified; set by the server alone (design, section 4)."""

        ANONYMOUS = 0, _("anonymous")
        MATCHED = 1, _("document matched")
        VERIFIED = 2, _("verified")

    class Raised(models.TextChoices):
        """Why a person of the clinic should look."""

        EMERGENCY = "emergency", _("emergency")
        HANDOVER = "handover", _("hand-over")

    class Kind(models.TextChoices):
        """Which family of addresses it was started through."""

        THREAD = "thread", _("thread")  # seed 1
        SESSION = "session", _("session")  # seed 4
        WEBSITE = "website", _("website")  # seed 5
        CLINICAL = "clinical", _("clinical")  # seed 3

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.THREAD)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="threads", null=True, blank=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=5, default="es")
    identity_level = models.PositiveSmallIntegerField(_("identity"), choices=Level, default=Level.ANONYMOUS)
    patient = models.ForeignKey(
        "patients.Patient", on_delete=models.SET_NULL, null=True, blank=True, related_name="threads"
    )
    assistant = models.ForeignKey(
        "chat.Assistant", on_delete=models.SET_NULL, null=True, blank=True, related_name="threads"
    )
    raised = models.CharField(_("raised to staff"), max_length=10, choices=Raised, blank=True)
    consent_asked_turn = models.PositiveIntegerField(null=True, blank=True, editable=False)
    conversation_id = models.CharField(
        _("OpenAI conversation"), max_length=120, blank=True, editable=False, help_text=_("With OPENAI_CONVERSATIONS.")
    )
    last_number = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("-updated_at",)
        indexes = (models.Index(fields=("contact", "-updated_at"), name="thread_contact_updated"),)
        verbose_name = _("thread")
        verbose_name_plural = _("threads")

    def __str__(self) -> str:
        return self.title or str(self.id)


class Message(models.Model):
    """One thing that was said. `number` counts up in the thread; `turn` is the number it answers."""

    class Direction(models.TextChoices):
        """Seen from the clinic (seed 5)."""

        INCOMING = "incoming", _("incoming")
        OUTGOING = "outgoing", _("outgoing")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="messages")
    number = models.PositiveIntegerField(editable=False)
    turn = models.PositiveIntegerField(editable=False)
    direction = models.CharField(_("direction"), max_length=20, choices=Direction)
    body = models.TextField(_("text"), blank=True)
    media_url = models.TextField(_("media"), null=True, blank=True, help_text=_("One address on each line."))
    transcript = models.TextField(_("transcript"), blank=True, help_text=_("What was said in the recordings."))
    superseded = models.BooleanField(_("superseded"), default=False, help_text=_("Another answer took its place."))
    run = models.ForeignKey("chat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="answers")
    flags = models.JSONField(_("flags"), default=list, blank=True)
    created_at = models.DateTimeField(_("sent"), db_default=Now())

    class Meta:
        ordering = ("turn", "number")
        constraints = (
            models.UniqueConstraint(fields=("thread", "number"), name="unique_message_number"),
            models.CheckConstraint(condition=Q(direction__in=("incoming", "outgoing")), name="message_direction_known"),
        )
        indexes = (models.Index(fields=("thread", "turn", "number"), name="message_thread_turn"),)
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def __str__(self) -> str:
        return f"{self.direction} {self.number}"

    @property
    def text(self) -> str:
        """All that was said."""
        return written_and_spoken(self.body, self.transcript)

    @property
    def media_urls(self) -> list[str]:
        """The addresses of what came with it."""
        return (self.media_url or "").split()

    @property
    def role(self) -> str:
        """OpenAI's name for who said it."""
        return "user" if self.direction == self.Direction.INCOMING else "assistant"


def written_and_spoken(body: str, transcript: str) -> str:
    """A message as one text."""
    return "\n\n".join(part for part in (body, transcript) if part)


class MessageFeedback(models.Model):
    """What the person thought of an answer."""

    class Rating(models.TextChoices):
        """A thumb."""

        UP = "up", _("up")
        DOWN = "down", _("down")

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="feedback")
    rating = models.CharField(_("rating"), max_length=4, choices=Rating)
    comment = models.TextField(_("comment"), blank=True)
    created_at = models.DateTimeField(_("given"), db_default=Now())

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")

    def __str__(self) -> str:
        return self.rating
