"""Patients, their agenda and their clinical records."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from healthmate.common import cleanup


class PatientsConfig(AppConfig):
    """The clinic's people and records; knows nothing of conversations."""

    name = "patients"
    verbose_name = _("Patients")

    def ready(self) -> None:
        """Register what `cleanup_sessions` deletes here, and the system checks."""
        from patients import checks, identity  # noqa: F401, PLC0415 (models are not loaded before)

        cleanup.register("identification attempts", identity.forgotten_attempts)
