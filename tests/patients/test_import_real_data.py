"""The real data of `shared/data/fhir`, counted independently, and what damage does to it."""

import copy
import gzip
import json
import random
from collections import Counter

import pytest

from patients.importer import import_path
from patients.models import (
    ClinicalRecord,
    Patient,
    PatientIdentifier,
    Practitioner,
    QuarantinedResource,
    SharedResource,
)

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

SKIPPED = {"Claim", "ExplanationOfBenefit", "Provenance"}


def resources(path):
    with gzip.open(path, "rt") as file:
        if ".ndjson" in path.name:
            return [json.loads(line) for line in file if line.strip()]
        return [entry["resource"] for entry in json.load(file)["entry"]]


def counted(*folders):
    return Counter(r["resourceType"] for folder in folders for path in folder.glob("*.gz") for r in resources(path))


def test_every_synthea_bundle_goes_in_whole_and_twice_changes_nothing(shared_data):
    folders = [shared_data / "fhir" / "synthea-2019", shared_data / "fhir" / "synthea-2021-hiv"]
    in_files = counted(*folders)
    first = import_path(folders)
    assert first.quarantined == []
    assert {name: count.read for name, count in first.types.items()} == in_files
    assert {name for name, count in first.types.items() if count.skipped} == SKIPPED
    assert first.total.skipped == sum(in_files[name] for name in SKIPPED)
    stored = Counter(ClinicalRecord.objects.values_list("resource_type", flat=True))
    assert stored == {
        name: in_files[name] for name in in_files.keys() - SKIPPED - {"Patient", "Practitioner", "Organization"}
    }
    ids = {
        name: {
            r["id"]
            for folder in folders
            for path in folder.glob("*.gz")
            for r in resources(path)
            if r["resourceType"] == name
        }
        for name in ("Patient", "Organization", "Practitioner")
    }
    assert Patient.objects.count() == len(ids["Patient"])
    assert SharedResource.objects.count() == len(ids["Organization"])
    assert Practitioner.objects.filter(active=False).count() == len(ids["Practitioner"])

    second = import_path(folders)
    assert (second.changed, second.quarantined, second.total.unchanged) == (
        0,
        [],
        first.total.read - first.total.skipped,
    )


def test_a_whole_export_in_lines(shared_data):
    folder = shared_data / "fhir" / "bulk-ndjson"
    in_files = counted(folder)
    first = import_path([folder])
    assert first.quarantined == []
    assert {name: count.created for name, count in first.types.items()} == in_files
    assert import_path([folder]).changed == 0
    note = ClinicalRecord.objects.filter(resource_type="DocumentReference").first()
    assert "# Chief Complaint" in note.text


def test_the_edge_files_and_why_four_resources_are_refused(shared_data):
    folder = shared_data / "fhir" / "edge"
    first = import_path([folder])
    assert {name: count.read for name, count in first.types.items()} == counted(folder)
    assert [(refusal.file.rsplit("/", 1)[-1], refusal.index, refusal.reason) for refusal in first.quarantined] == [
        (
            "gravitate_persona_collection.json.gz",
            index,
            "It names its patient in words only, with neither a reference nor an identifier.",
        )
        for index in range(4)
    ]
    assert {name for name, count in first.types.items() if count.skipped} == {"Provenance"}
    assert import_path([folder]).changed == 0
    assert QuarantinedResource.objects.count() == 4


def test_what_the_edge_files_say(shared_data):
    import_path([shared_data / "fhir" / "edge"])
    records = ClinicalRecord.objects
    negated = records.filter(negated=True).values_list("patient__full_name", "display")
    assert sorted(negated) == [
        ("Isabella Jones", "Tetanus and diphtheria toxoids - preservative free"),
        ("James Sommerfield", "No known allergies"),
        ("James Sommerfield", "No known medications"),
        ("James Sommerfield", "No known problems"),
        ("Martha DeLarosa", "no-known-food-allergies"),
        ("Pedro Gravitate", "No information about allergies"),
    ]
    eve = Patient.objects.get(full_name="Eve Betterhalf")
    assert sorted(eve.records.filter(resource_type="AllergyIntolerance").values_list("display", flat=True)) == [
        "Codeine",
        "Penicillin",
    ]
    assert list(eve.identifiers.values_list("document_type_id", "normalized")) == [(9, "444222222")]
    dovato = records.get(patient__full_name="Pedro Gravitate", resource_id="pedro-med-stat-1")
    assert dovato.display == "Dovato 50 mg/300 mg 30 tablets"
    partial = records.filter(patient__full_name="Martha DeLarosa", recorded_text__regex=r"^\d{4}-\d\d$")
    assert partial.count() > 0
    assert not records.filter(text__contains="<").filter(text__contains="</").exists()
    assert PatientIdentifier.objects.filter(document_type=None).exists()


JUNK = [
    None,
    0,
    -1.5,
    1e300,
    True,
    "",
    "x",
    "\x00",
    "9999-99-99",
    [],
    {},
    [None],
    [[]],
    {"coding": 5},
    {"reference": 5},
]


def damage(value, chance):
    """A copy with random parts replaced by junk."""
    if chance.random() < 0.02:
        return copy.deepcopy(chance.choice(JUNK))
    if isinstance(value, dict):
        return {key: damage(item, chance) for key, item in value.items()}
    return [damage(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bundles_never_break_the_import(shared_data, fhir_file, seed):
    chance = random.Random(seed)
    sources = sorted((shared_data / "fhir" / "edge").glob("*.gz"))
    with gzip.open(chance.choice(sources)) as file:
        bundle = json.load(file)
    entries = [damage(entry, chance) for entry in bundle["entry"]]
    path = fhir_file({**bundle, "entry": entries})
    first = import_path([path])
    total = first.total
    assert total.read == len(entries)
    assert total.read == total.created + total.updated + total.unchanged + total.skipped + total.quarantined
    assert all(refusal.reason for refusal in first.quarantined)
    second = import_path([path])
    assert second.changed == 0
    assert second.quarantined == first.quarantined
