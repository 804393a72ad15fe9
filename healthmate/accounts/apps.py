"""Users, tokens and `/auth`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People who log in: staff, clinicians, registered patients."""

    name = "healthmate.accounts"
    label = "accounts"
    verbose_name = _("Accounts")
