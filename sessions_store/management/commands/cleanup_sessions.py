"""`manage.py cleanup_sessions [--dry-run]`."""

from datetime import UTC
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from healthmate.common import cleanup
from healthmate.common.cleanup import CleanUp


class Command(BaseCommand):
    """Meant for cron; safe to run at any time, as often as one likes, and several at once."""

    help = (
        "Clean what has had its time: device sessions by their own lifetime, expired logins, runs whose process is "
        "gone, and whatever else the installed apps register. It works in batches and never waits for a row that is "
        "in use; run it from cron, for example every ten minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare `--dry-run`."""
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done, and change nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run every registered clean-up and print one line for each."""
        report = _what_it_would_do if options["dry_run"] else _what_it_did
        for what, one in cleanup.registered().items():
            self.stdout.write(f"{what}: {report(one)}")


def _what_it_did(one: CleanUp) -> str:
    return f"{one.run()} {one.done}"


def _what_it_would_do(one: CleanUp) -> str:
    found = one.preview()
    since = f" (the oldest over since {found.oldest.astimezone(UTC).isoformat()})" if found.oldest else ""
    return f"{found.count} would be {one.done}{since}"
