"""Patients, their agenda and their clinical records."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    """The clinic's people and records; knows nothing of conversations."""

    name = "patients"
    verbose_name = _("Patients")
