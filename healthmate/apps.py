"""The composition root as a Django app, so that its checks and commands are found."""

from django.apps import AppConfig


class HealthMateConfig(AppConfig):
    """Registers the project's own system checks."""

    name = "healthmate"
    verbose_name = "HealthMate"

    def ready(self) -> None:
        """Register the system checks and the probes of `/health`."""
        from healthmate import checks, health  # noqa: F401, PLC0415 (models are not loaded before)

        health.register_checks()
