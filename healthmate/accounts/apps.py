"""Users, tokens and `/auth`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from healthmate.common import cleanup


class AccountsConfig(AppConfig):
    """People who log in: staff, clinicians, registered patients."""

    name = "healthmate.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Register what `cleanup_sessions` deletes here, and how the schema names a bearer."""
        from healthmate.accounts import schema, services  # noqa: F401, PLC0415 (models are not loaded before)

        cleanup.register("expired logins", services.expired_families)
        cleanup.register("expired sessions in the admin", services.expired_admin_sessions)
