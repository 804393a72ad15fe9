"""What an import reads at all: regular files, within limits that no inflated file goes beyond."""

import gzip
import json
import os
import socket
import tracemalloc
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from patients.fhir import files, sources
from patients.importer import BadInputError, import_path
from patients.models import ClinicalRecord, Patient, QuarantinedResource

pytestmark = pytest.mark.django_db

CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": "Asma"}, "subject": {"reference": "Patient/ana"}}


@pytest.fixture
def bomb(tmp_path):
    """A small gzip file that inflates to `mib` of one byte."""

    def make(name: str, *, mib: int, start: bytes = b"", byte: bytes = b" ") -> Path:
        path = tmp_path / name
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(start)
            for _ in range(mib):
                file.write(byte * 2**20)
        return path

    return make


def reasons(summary):
    return [(refusal.index, refusal.reason) for refusal in summary.quarantined]


def test_a_file_that_inflates_beyond_the_limit_is_refused_and_read_no_further(bomb, fhir_file, fhir_patient):
    fhir_file(fhir_patient(), "good.json")
    path = bomb("bomb.json.gz", mib=600, start=b'{"resourceType": "Bundle"')
    tracemalloc.start()
    try:
        summary = import_path([path.parent])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reasons(summary) == [(None, "The file holds more than 256 MiB of JSON, the most that is read.")]
    assert summary.total.created == 1
    assert peak < 300 * 2**20
    assert QuarantinedResource.objects.get().file == str(path)


def test_a_large_plain_file_is_refused_alike(tmp_path):
    path = tmp_path / "sparse.json"
    with path.open("wb") as file:
        file.truncate(sources.MAX_FILE_BYTES + 1)
    assert reasons(import_path([path])) == [(None, "The file holds more than 256 MiB of JSON, the most that is read.")]


@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz"])
def test_a_line_beyond_the_limit_is_refused_alone(fhir_file, fhir_patient, monkeypatch, suffix):
    monkeypatch.setattr(sources, "MAX_LINE_BYTES", 2 * sources.MIB)
    fits = {**CONDITION, "id": "fits", "note": [{"text": "x" * (2 * sources.MIB - 300)}]}
    long = {**CONDITION, "id": "long", "note": [{"text": "x" * (5 * sources.MIB)}]}
    lines = [fhir_patient(), fits, long, CONDITION, long]
    summary = import_path([fhir_file("\n".join(map(json.dumps, lines)), f"a{suffix}")])
    sentence = "The line is longer than 2 MiB, the most that is read."
    assert reasons(summary) == [(2, sentence), (4, sentence)]
    assert sorted(ClinicalRecord.objects.values_list("resource_id", flat=True)) == ["c1", "fits"]


def test_an_endless_line_is_never_held(bomb):
    path = bomb("bomb.ndjson.gz", mib=300, byte=b"x")
    tracemalloc.start()
    try:
        summary = import_path([path])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reasons(summary) == [(0, "The line is longer than 64 MiB, the most that is read.")]
    assert peak < 150 * 2**20


def test_fifty_megabytes_are_no_mistake(fhir_bundle, fhir_patient, import_ok):
    notes = [{**CONDITION, "id": f"c{n}", "note": [{"text": "palabra " * 120_000}]} for n in range(55)]
    path = fhir_bundle(fhir_patient(), *notes)
    assert path.stat().st_size > 50_000_000
    assert import_ok(path).total.created == 56


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1,", b'"",'])
@pytest.mark.parametrize(
    ("start", "end", "name"),
    [(b"[", b"1]", "a.json"), (b'{"resourceType": "Bundle", "entry": [', b"1]}", "a.json"), (b"[", b"1]", "a.ndjson")],
)
def test_more_values_than_memory_is_made_for_are_refused(tmp_path, monkeypatch, piece, start, end, name):
    monkeypatch.setattr(sources, "MAX_VALUES", 10_000)
    (tmp_path / name).write_bytes(start + piece * 12_000 + end)
    summary = import_path([tmp_path / name])
    index = 0 if name.endswith(".ndjson") else None
    assert reasons(summary) == [(index, "It holds more values than an import takes at once (20,000,000).")]


def test_a_bundle_of_too_many_entries_is_refused(fhir_bundle, fhir_patient, monkeypatch):
    monkeypatch.setattr(files, "MAX_ENTRIES", 3)
    assert import_path([fhir_bundle(fhir_patient(), CONDITION, CONDITION)]).quarantined == []
    summary = import_path([fhir_bundle(*[fhir_patient()] * 4)])
    assert reasons(summary) == [(None, "The bundle holds 4 entries; 3 are the most that is read.")]


def test_a_file_of_lines_that_are_no_fhir_is_given_up(fhir_file, fhir_patient, monkeypatch):
    monkeypatch.setattr(sources, "MAX_BAD_LINES", 20)
    lines = [json.dumps(fhir_patient()), *["x"] * 50, json.dumps(CONDITION)]
    summary = import_path([fhir_file("\n".join(lines), "a.ndjson")])
    assert len(summary.quarantined) == 21
    assert summary.quarantined[0].reason == "20 lines are no FHIR; it was given up after line 21."
    assert (Patient.objects.count(), ClinicalRecord.objects.count()) == (1, 0)


# --- Regular files only ------------------------------------------------------------------------------


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "folder" / "pipe.json"
    path.parent.mkdir()
    os.mkfifo(path)
    return path


def test_a_fifo_named_directly_is_refused_with_a_sentence(fifo):
    with pytest.raises(CommandError, match=r"pipe\.json is neither a folder nor a regular file\."):
        call_command("import_fhir", str(fifo), stdout=StringIO())


def test_a_link_to_a_fifo_is_refused_too(fifo, tmp_path):
    (tmp_path / "link.json").symlink_to(fifo)
    with pytest.raises(BadInputError, match="neither a folder nor a regular file"):
        import_path([tmp_path / "link.json"])


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_refused(device):
    with pytest.raises(BadInputError, match="neither a folder nor a regular file"):
        import_path([device])


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    for name in ("a\x00b", "x" * 5000, "nothing/there", tmp_path / "none"):
        with pytest.raises(BadInputError):
            import_path([name])
    (tmp_path / "circle.json").symlink_to("circle.json")
    with pytest.raises(BadInputError):
        import_path([tmp_path / "circle.json"])


def test_in_a_folder_only_its_own_regular_files_are_read(fifo, tmp_path, fhir_file, fhir_patient):
    folder = fifo.parent
    outside = fhir_file(fhir_patient(id="outside", name="Otra Persona"), "outside/secret.json")
    inside = fhir_file(fhir_patient(), "folder/deep/ana.json")
    (folder / "way-out.json").symlink_to(outside)
    (folder / "folder-out").symlink_to(outside.parent, target_is_directory=True)
    (folder / "nowhere.json").symlink_to("nothing")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "again.json").symlink_to(inside)
    (folder / ".hidden.json").write_text("{}")
    (folder / "notes.txt").write_text("no FHIR")
    listener = socket.socket(socket.AF_UNIX)
    with listener:
        here = Path.cwd()
        os.chdir(folder)
        try:
            listener.bind("socket.json")
        finally:
            os.chdir(here)
        summary = import_path([folder])
    assert summary.quarantined == []
    assert (summary.files, summary.total.created, summary.total.unchanged) == (2, 1, 1)
    names = [".hidden.json", "circle", "folder-out", "notes.txt", "nowhere.json", "pipe.json", "socket.json"]
    assert summary.ignored == [str(folder / name) for name in [*names, "way-out.json"]]
    out = StringIO()
    call_command("import_fhir", str(folder), stdout=out)
    assert "8 ignored (no FHIR file by name, no regular file, or a link out): " in out.getvalue()
    assert str(folder / "pipe.json") in out.getvalue()


def test_a_link_named_directly_is_followed_and_a_folder_may_be_a_link(fhir_file, fhir_patient, import_ok, tmp_path):
    target = fhir_file(fhir_patient(), "data/ana.json")
    (tmp_path / "link.json").symlink_to(target)
    (tmp_path / "folder").symlink_to(target.parent, target_is_directory=True)
    assert import_ok(tmp_path / "link.json").total.created == 1
    assert import_ok(tmp_path / "folder").total.unchanged == 1


def test_what_became_a_fifo_after_it_was_found_does_not_wait(fifo):
    units = list(files.read(fifo))
    assert [unit.problem for unit in units] == ["The file cannot be read: it is no regular file."]
