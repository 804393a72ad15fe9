"""Who answers: instructions, model, tools and limits, edited by staff."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Assistant(models.Model):
    """A role in which the model answers, chosen by its slug."""

    slug = models.SlugField(_("slug"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100, help_text=_("How it introduces itself."))
    instructions = models.TextField(_("instructions"), help_text=_("{clinic} and {emergency} are filled in."))
    model = models.CharField(_("model"), max_length=100, blank=True, help_text=_("Empty: OPENAI_MODEL."))
    tools = ArrayField(models.CharField(max_length=64), verbose_name=_("tools"), default=list, blank=True)
    max_output_tokens = models.PositiveIntegerField(
        _("output tokens"), null=True, blank=True, help_text=_("Empty: MAX_OUTPUT_TOKENS.")
    )
    max_tool_rounds = models.PositiveSmallIntegerField(
        _("rounds of tools"), default=8, validators=[MinValueValidator(1), MaxValueValidator(30)]
    )
    active = models.BooleanField(_("active"), default=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("slug",)
        verbose_name = _("assistant")
        verbose_name_plural = _("assistants")

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"

    @property
    def effective_model(self) -> str:
        """The model to ask for."""
        return self.model or settings.OPENAI_MODEL

    @property
    def effective_max_output_tokens(self) -> int:
        """How long an answer may get, in tokens."""
        return self.max_output_tokens or settings.MAX_OUTPUT_TOKENS
