"""One patient's retrieval among 1,000 pieces of records and among 1,000,000, and the plans of its queries.

An embedded PostgreSQL of its own in a temporary folder is filled by SQL: 100 pieces a patient with vectors of 384
numbers, ten patients first and then ten thousand. Patients are asked in random order. Prints Markdown; the exit
status is 1 when the large database takes more than three times as long, or when a plan does not use the index on the
patient.

    .venv/bin/python -m benchmarks.retrieval_scale --patients 10000
"""

import argparse
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

PIECES, DIMENSIONS, SEARCHES = 100, 384, 300
SMALL = 10  # patients
AT_ONCE = 250  # patients in a statement
MODEL = f"bench/{DIMENSIONS}"
QUESTIONS = (
    "What is the latest hemoglobin A1c?",
    "¿Cuál es la última presión arterial?",
    "What medications is the patient currently taking?",
    "¿Tiene hipertensión?",
    "allergies?",
    "zzyzx",  # found by its vector or not at all
)
NAMES = (
    ("Observation", "Hemoglobin A1c/Hemoglobin.total in Blood", "4548-4"),
    ("Observation", "Blood Pressure", "55284-4"),
    ("Observation", "Body Weight", "29463-7"),
    ("Observation", "Glucose", "2339-0"),
    ("Condition", "Hypertension", "38341003"),
    ("Condition", "Viral sinusitis (disorder)", "444814009"),
    ("MedicationRequest", "Hydrochlorothiazide 25 MG", "316049"),
    ("Immunization", "Influenza, seasonal, injectable", "140"),
    ("Encounter", "Encounter for check up (procedure)", "185349003"),
    ("AllergyIntolerance", "Shellfish allergy", "300913006"),
)
FILL = """
WITH people AS (
    INSERT INTO patients_patient (full_name, given_name, family_name, birth_date_text, gender, phone, email, language,
                                  deceased, resource, content_hash, updated_at)
    SELECT 'Patient ' || number, '', '', '', 'unknown', '', '', '', false, '{}', '', now()
    FROM generate_series(%(first)s, %(last)s) AS number
    RETURNING id
), records AS (
    INSERT INTO patients_clinicalrecord (patient_id, resource_type, resource_id, code_system, code, display, status,
        category, value, negated, recorded_at, recorded_text, text, resource, content_hash, updated_at)
    SELECT people.id, kind.type, number::text, '', kind.code, kind.name, 'active', '', number::text, false,
           timestamptz '2000-01-01' + number * interval '70 days', '', '', '{}', '', now()
    FROM people, generate_series(1, %(pieces)s) AS number
    JOIN bench_kinds AS kind ON kind.id = number %% (SELECT count(*) FROM bench_kinds)
    RETURNING id, patient_id, display, value
)
INSERT INTO patients_recordchunk (patient_id, record_id, number, name, text, roots, content_hash, version, embedding,
                                  embedding_model)
SELECT records.patient_id, records.id, 0, display, kind.type || ': ' || display || E'\\nValue: ' || value,
       kind.roots, md5(records.id::text), 1, pool.vector, %(model)s
FROM records
JOIN bench_kinds AS kind ON kind.name = display
JOIN bench_vectors AS pool ON pool.id = records.id %% 2000
"""


def main() -> int:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hm-retrieval-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        os.environ.pop("DATABASE_URL", None)
        return measure(options.patients)


def measure(patients: int) -> int:
    """Both databases, one after the other."""
    import django  # noqa: PLC0415 - the settings start the database of this run

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from healthmate.database import release_embedded  # noqa: PLC0415

    try:
        call_command("migrate", verbosity=0)
        prepare()
        rows = []
        for first, last in ((1, SMALL), (SMALL + 1, patients)):
            started = time.monotonic()
            fill(first, last)
            print(f"filled to {last:,} patients in {time.monotonic() - started:.0f} s", file=sys.stderr)
            rows.append((last, *timings()))
        plans = list(plans_of())
        report(rows, plans, connection.pg_version)
        within = rows[1][1] <= 3 * rows[0][1]
        return 0 if within and all(name in plan for name, plan in plans) else 1
    finally:
        connection.close()
        connection.close_pool()
        release_embedded()


def prepare() -> None:
    """A pool of vectors to draw from: making a million of random numbers each takes an hour."""
    from patients.chunking.writing import roots_vector  # noqa: PLC0415

    run("CREATE TABLE bench_vectors (id bigint PRIMARY KEY, vector vector)")
    run(
        "INSERT INTO bench_vectors SELECT number, array_agg(random() - 0.5)::vector "
        "FROM generate_series(0, 1999) AS number, generate_series(1, %s) GROUP BY number",
        [DIMENSIONS],
    )
    run("CREATE TABLE bench_kinds (id int PRIMARY KEY, type text, name text, code text, roots tsvector)")
    for number, (kind, name, code) in enumerate(NAMES):
        roots = roots_vector(name, f"{kind}: {name}")
        run("INSERT INTO bench_kinds VALUES (%s, %s, %s, %s, %s)", [number, kind, name, code, roots])


def fill(first: int, last: int) -> None:
    """Add patients with their records and pieces."""
    for start in range(first, last + 1, AT_ONCE):
        end = min(start + AT_ONCE - 1, last)
        run(FILL, {"pieces": PIECES, "model": MODEL, "first": start, "last": end})
    run("VACUUM (ANALYZE) patients_patient, patients_clinicalrecord, patients_recordchunk")


def run(sql: str, values: Any = None) -> list[tuple[Any, ...]]:
    """One statement, outside of a transaction."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


def timings() -> tuple[float, float, float]:
    """Milliseconds of a search with a vector and of a snapshot: (search p50, search p95, snapshot p50)."""
    from healthmate.common.embedding import Vector  # noqa: PLC0415
    from patients import retrieval  # noqa: PLC0415

    random.seed(7)
    patients = [pk for (pk,) in run("SELECT id FROM patients_patient")]
    vector = Vector(model=MODEL, values=[random.random() - 0.5 for _ in range(DIMENSIONS)])
    searches, snapshots = [], []
    for number in range(SEARCHES + 30):
        patient = random.choice(patients)
        started = time.perf_counter()
        retrieval.search(patient, QUESTIONS[number % len(QUESTIONS)], vector=vector)
        middle = time.perf_counter()
        retrieval.snapshot(patient)
        searches.append((middle - started) * 1000)
        snapshots.append((time.perf_counter() - middle) * 1000)
    searches, snapshots = searches[30:], snapshots[30:]  # the first ones warm up
    return statistics.median(searches), statistics.quantiles(searches, n=20)[-1], statistics.median(snapshots)


def plans_of() -> Iterator[tuple[str, str]]:
    """(index on the patient, plan) of every query of a search."""
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from healthmate.common.embedding import Vector  # noqa: PLC0415
    from patients import retrieval  # noqa: PLC0415

    ((index,),) = run(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'patients_recordchunk' AND indexdef LIKE '%%(patient_id)'"
    )
    ((patient,),) = run("SELECT max(id) / 2 FROM patients_patient")
    vector = Vector(model=MODEL, values=[random.random() - 0.5 for _ in range(DIMENSIONS)])
    with CaptureQueriesContext(connection) as captured:
        for question in QUESTIONS:
            retrieval.search(patient, question, vector=vector)
    for query in captured:
        yield (
            index,
            "\n".join(line for (line,) in run("EXPLAIN (ANALYZE, COSTS OFF) " + query["sql"].replace("%", "%%"))),
        )


def report(rows: list[tuple[int, float, float, float]], plans: list[tuple[str, str]], version: int) -> None:
    """The figures as Markdown, and one plan."""
    print(
        f"PostgreSQL {version // 10000}, {PIECES} pieces a patient, {DIMENSIONS} dimensions, {SEARCHES} searches each\n"
    )
    print("| pieces | patients | search p50 (ms) | search p95 (ms) | snapshot p50 (ms) |")
    print("|---|---|---|---|---|")
    for patients, *figures in rows:
        print(f"| {patients * PIECES:,} | {patients:,} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")
    print(f"\nRatio of the medians: {rows[1][1] / rows[0][1]:.2f}. ", end="")
    print(
        f"{sum(name in plan for name, plan in plans)} of {len(plans)} plans use the index on the patient; the first:\n"
    )
    plan = re.sub(r"'(?:[^']|'')*'(?=::(?:tsquery|vector))", "'...'", plans[0][1])
    print(f"```\n{plan}\n```")


if __name__ == "__main__":
    sys.exit(main())
