"""`cleanup_sessions` on large tables: as many rows that have had their time as rows that have not, in each table.

Prints a Markdown table of how long each takes, on an embedded PostgreSQL of its own that is thrown away.

    .venv/bin/python -m benchmarks.cleanup --rows 100000
"""

import argparse
import os
import secrets
import tempfile
import time
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection

from healthmate.common import cleanup
from healthmate.database import release_embedded

USER = "INSERT INTO accounts_user (id, email, full_name, password, is_staff, is_active, is_superuser, date_joined) "
CONVERSATION = """
WITH threads AS (
    INSERT INTO chat_thread (id, kind, title, language, identity_level, raised, conversation_id, last_number,
                             updated_at)
    SELECT gen_random_uuid(), 'thread', '', 'es', 0, '', '', 1, now() FROM generate_series(1, {rows})
    RETURNING id
), messages AS (
    INSERT INTO chat_message (id, thread_id, number, turn, direction, body, transcript, superseded, flags)
    SELECT gen_random_uuid(), id, 1, 1, 'incoming', 'Hola', '', false, '[]' FROM threads
    RETURNING id, thread_id
), runs AS (
    INSERT INTO chat_run (id, thread_id, message_id, status, error_code, model, input_tokens, output_tokens,
                          lease_until, finished_at)
    SELECT gen_random_uuid(), thread_id, id, {status}, '', '', 0, 0,
           {when} - row_number() OVER () * interval '1 ms', now()
    FROM messages
    RETURNING id
)
"""
# What each clean-up finds, and what it must leave: `when` is long ago, or yet to come.
SEEDS = {
    "expired logins": """
        WITH u AS ({user} SELECT gen_random_uuid(), gen_random_uuid() || '@example.com', '', '', false, true, false,
                                 now() RETURNING id)
        INSERT INTO accounts_tokenfamily (id, user_id, current_jti, password_mark, created_at, expires_at)
        SELECT gen_random_uuid(), u.id, 'j', 'm', now(), {when} - n * interval '1 ms'
        FROM u, generate_series(1, {rows}) AS n
    """,
    "expired sessions in the admin": """
        INSERT INTO django_session (session_key, session_data, expire_date)
        SELECT replace(gen_random_uuid()::text, '-', ''), 'data', {when} - n * interval '1 ms'
        FROM generate_series(1, {rows}) AS n
    """,
    "identification attempts": """
        INSERT INTO patients_identityattempt (subject, failures, last_at)
        SELECT 'actor:' || gen_random_uuid(), 1, {when} - n * interval '1 ms' FROM generate_series(1, {rows}) AS n
    """,
    "device sessions": """
        INSERT INTO conversation_states (device_id, device_hash, active_agent, locked_at, session_ttl)
        SELECT gen_random_uuid(), 'hash', 'general', {when} - n * interval '1 ms', 60
        FROM generate_series(1, {rows}) AS n
    """,
    "runs of dead processes": CONVERSATION + "SELECT count(*) FROM runs",
    "idempotency keys": CONVERSATION
    + """, contact AS (
        INSERT INTO chat_contact (id, phone_number, name)
        SELECT gen_random_uuid(), 'chat_' || gen_random_uuid(), '' RETURNING id
    )
    INSERT INTO chat_idempotencykey (contact_id, key, fingerprint, run_id, created_at)
    SELECT contact.id, gen_random_uuid(), 'f', runs.id, {when} - row_number() OVER () * interval '1 ms'
    FROM contact, runs
    """,
}
LONG_AGO, YET_TO_COME = "now() - interval '60 days'", "now() + interval '60 days'"


def seed(what: str, rows: int, *, over: bool) -> None:
    """Make so many rows that the clean-up of that name is to find, or to leave alone."""
    status = "'in_progress'" if what == "runs of dead processes" else "'completed'"
    when = LONG_AGO if over else YET_TO_COME
    with connection.cursor() as cursor:
        cursor.execute(SEEDS[what].format(rows=rows, when=when, status=status, user=USER))


def measure(rows: int, only: str | None) -> str:
    """Seconds per table, as Markdown."""
    lines = ["| what | rows over | rows left | preview (s) | clean-up (s) |", "|---|---|---|---|---|"]
    for what, one in cleanup.registered().items():
        if only not in {None, what}:
            continue
        seed(what, rows, over=True)
        seed(what, rows, over=False)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        started = time.perf_counter()
        found = one.preview().count
        previewed = time.perf_counter()
        done = one.run()
        ended = time.perf_counter()
        assert found == done == rows, (what, found, done)
        assert one.preview().count == 0
        left = one.over().model._base_manager.count() - (done if one.done != "deleted" else 0)
        lines.append(f"| {what} | {done} | {left} | {previewed - started:.2f} | {ended - previewed:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Set up a database, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="rows that have had their time, in each table")
    parser.add_argument("--only", choices=SEEDS)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DATA_DIR=folder, ENV_FILE=os.devnull, SECRET_KEY=secrets.token_urlsafe(50), LOG_LEVEL="ERROR")
        os.environ["DJANGO_SETTINGS_MODULE"] = "healthmate.settings"
        django.setup()
        call_command("migrate", verbosity=0)
        shown = measure(options.rows, options.only)
        connection.close()
        release_embedded()
    print(shown)
    if options.out:
        options.out.write_text(f"{shown}\n")


if __name__ == "__main__":
    main()
