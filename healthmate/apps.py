"""The composition root as a Django app, so that its checks and commands are found."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class HealthMateConfig(AppConfig):
    """Registers the project's own system checks."""

    name = "healthmate"
    verbose_name = "HealthMate"

    def ready(self) -> None:
        """Register the system checks and the probes of `/health`."""
        from healthmate import checks, health  # noqa: F401, PLC0415 (models are not loaded before)

        health.register_checks()


class ClinicAdminConfig(AdminConfig):
    """Django's admin on the project's own site."""

    default_site = "healthmate.common.admin_site.ClinicAdminSite"
