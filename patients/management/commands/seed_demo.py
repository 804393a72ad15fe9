"""`seed_demo`: a small clinic of our own invention, to try everything on."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from patients.demo.clinic import PEOPLE, fill_agenda, open_agenda
from patients.importer import import_path

DEFAULT_PASSWORD = "healthmate-demo"  # noqa: S105  for development only, see `_password`
CLINICIANS = "clinicians"
CLINICIANS_MAY_SEE = ("clinicalrecord", "patient", "patientidentifier", "appointment", "practitioner", "slot")
USERS: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("admin@healthmate.demo", "Administración", {"is_staff": True, "is_superuser": True}),
    ("clinician@healthmate.demo", "Elena Restrepo", {"is_staff": True}),
    ("patient@healthmate.demo", "Laura Morales", {}),
)
HELLO = "Hola, soy Laura Morales, CD 30995750, nacida el 14 de mayo de 1990. Quiero una cita de medicina general."


class Command(BaseCommand):
    """Safe to run again: what is there stays, the agenda is topped up."""

    help = "Make (or top up) the demo clinic: practitioners, slots, patients with records, and three users."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--password`."""
        parser.add_argument("--password", help="password of the demo users; needed unless DEBUG is on")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed in one transaction and say where to click."""
        password = self._password(options["password"])
        with transaction.atomic():
            summary = import_path([PEOPLE])
            if summary.quarantined:
                raise CommandError(f"The demo's records were not taken. Run import_fhir {PEOPLE} to see why.")
            slots = open_agenda()
            fill_agenda()
            _make_users(password, reset=bool(options["password"]))
        self.stdout.write(f"The demo clinic is ready ({slots} new slots).\n")
        self.stdout.write(_where_to_click(None if options["password"] else password))

    def _password(self, given: str | None) -> str:
        if given:
            return given
        if settings.DEBUG:
            return DEFAULT_PASSWORD
        raise CommandError(
            "The demo's default password is for development only. Name another: seed_demo --password PW, "
            "or set DEBUG=1 on a machine that nobody else reaches."
        )


def _make_users(password: str, *, reset: bool) -> None:
    """The demo's users; those that exist keep their password unless a new one is named."""
    users = get_user_model()
    group, _ = Group.objects.get_or_create(name=CLINICIANS)
    permissions = Permission.objects.filter(
        content_type__app_label="patients", codename__in=[f"view_{model}" for model in CLINICIANS_MAY_SEE]
    )
    group.permissions.add(*permissions)
    for email, name, rights in USERS:
        user, created = users.objects.get_or_create(email=email, defaults={"full_name": name, **rights})
        if created or reset:
            user.set_password(password)
            user.save()
        if email.startswith("clinician"):
            user.groups.add(group)


def _where_to_click(password: str | None) -> str:
    base = f"http://127.0.0.1:{settings.PORT}"
    known = f" (password {password})" if password else ""
    people = ", ".join(email for email, _, _ in USERS)
    return f"""
  {base}/         the service
  {base}/admin/   patients, agenda, conversations
  {base}/docs     every endpoint, to try in the browser
  {base}/docs/ws  ask a patient's record, as the clinician (with DEBUG)

  Users: {people}{known}

  A conversation from the shell, as the demo's patient:

  THREAD=$(curl -s -c /tmp/healthmate.cookies -X POST {base}/chat/create | sed 's/.*"thread_id": *"\\([^"]*\\)".*/\\1/')
  curl -s -b /tmp/healthmate.cookies -H 'Content-Type: application/json' {base}/chat/update/$THREAD \\
    -d '{{"message": "{HELLO}"}}'
"""
