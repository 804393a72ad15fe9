"""`manage.py cleanup_sessions [--dry-run]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from healthmate.common import cleanup


class Command(BaseCommand):
    """Meant for cron; safe to run at any time and as often as one likes."""

    help = (
        "Delete what has had its time: device sessions by their own lifetime, expired logins, and whatever else the "
        "installed apps register. One statement for each; run it from cron, for example every ten minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare `--dry-run`."""
        parser.add_argument("--dry-run", action="store_true", help="Count, and delete nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run every registered clean-up and print one line for each."""
        done = "would be deleted" if options["dry_run"] else "deleted"
        for what, run in cleanup.registered().items():
            self.stdout.write(f"{what}: {run(dry_run=options['dry_run'])} {done}")
