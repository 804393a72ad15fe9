"""Files that somebody made to break an import, or to break who reads its report."""

import base64
import gzip
import json
import os
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from patients.fhir.narrative import all_text
from patients.importer import import_path
from patients.models import ClinicalRecord, Patient, Practitioner, QuarantinedResource, SharedResource

pytestmark = pytest.mark.django_db

CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": "Asma"}, "subject": {"reference": "Patient/ana"}}
HALF_A_MEGABYTE = 500_000


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<div>",
            "<i><b><p><div>",
            "<div></x>",
            "<!--",
            "<![CDATA[",
            "<?xml ",
            "<script>",
            "<script",
            "<!DOCTYPE ",
            "<",
        ),
        *("</", "<a/", "<p ", "< br", "< \n", "<object", "<td", "&", " ", "\n", "x\t \n", "<title/>", "<!-->", "]]>"),
    ],
)
@pytest.mark.parametrize("kind", ["text/xml", "text/html"])
def test_prose_of_any_make_is_read_in_time(piece, kind):
    prose = "<p>" + piece * (HALF_A_MEGABYTE // len(piece)) + "end"
    check_time(prose, kind)


def test_a_tag_of_very_many_attributes_is_read_in_time():
    check_time("<p" + "".join(f" a{n}=1" for n in range(100_000)) + ">end", "text/html")


def check_time(prose, kind):
    attached = {"contentType": kind, "data": base64.b64encode(prose.encode()).decode()}
    started = time.process_time()
    all_text({"text": {"div": prose}, "note": [{"text": prose}], "content": [{"attachment": attached}]})
    assert time.process_time() - started < 5


def test_what_is_left_open_hides_nothing():
    def text_of(xml):
        data = base64.b64encode(xml.encode()).decode()
        return all_text({"content": [{"attachment": {"contentType": "text/xml", "data": data}}]})

    assert text_of("<a>one <!-- no --> two <!-- three <b>four</b></a>") == "one two <!-- three four"
    assert text_of("<?xml version='1.0'?><!DOCTYPE a><a>one <![CDATA[<b> & two]]> three</a>") == "one <b> & two three"


def test_a_narrative_of_very_many_tags_is_read_like_any_other():
    rows = "".join(f"<tr><td>fila</td><td>{n} &lt; 5</td></tr>" for n in range(2000))
    text = all_text({"text": {"div": f"<div><style>p {{}}</style><table>{rows}</table><script>x()</script></div>"}})
    assert text.splitlines()[:2] == ["fila 0 < 5", "fila 1 < 5"]
    assert text.splitlines()[-1] == "fila 1999 < 5"


def test_a_file_name_that_is_no_text_is_escaped(tmp_path, fhir_patient):
    path = tmp_path / os.fsdecode(b"historia-cl\xednica.json")
    path.write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": fhir_patient()}, 5]}))
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("no FHIR")
    name = str(tmp_path) + r"/historia-cl\udcednica.json"
    for _ in range(2):
        summary = import_path([tmp_path])
        assert [refusal.file for refusal in summary.quarantined] == [name]
        assert summary.ignored == [str(tmp_path) + r"/\udcff.txt"]
    assert summary.total.unchanged == 1
    assert QuarantinedResource.objects.get().file == name
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("import_fhir", str(tmp_path), "--json", stdout=out)
    assert json.loads(out.getvalue())["quarantined"][0]["file"] == name


def test_a_report_holds_no_control_characters(tmp_path):
    path = tmp_path / "a\nquarantined b\x1b[31m.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "\x1b[2J\u202e"}}]}))
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("import_fhir", str(path), stdout=out)
    assert not set(out.getvalue()) & {"\x1b", "\u202e", "\r"}
    assert sum(line.startswith("quarantined ") for line in out.getvalue().splitlines()) == 1
    with pytest.raises(CommandError, match=r"none\\x1b\[31m"):
        call_command("import_fhir", str(tmp_path / "none\x1b[31m"), stdout=out)


@pytest.mark.parametrize("together", [True, False])
def test_two_servers_with_one_id_do_not_take_turns(fhir_bundle, import_ok, tmp_path, together):
    """The later version stands (ids of shared resources are not told apart by server), run after run."""
    for server, city in (("one", "Cali"), ("two", "Neiva")):
        organization = {"resourceType": "Organization", "id": "1", "name": f"Hospital de {city}"}
        practitioner = {"resourceType": "Practitioner", "id": "1", "name": [{"text": f"Médica de {city}"}]}
        base = f"https://{server}.example/fhir"
        fhir_bundle(
            (f"{base}/Organization/1", organization), (f"{base}/Practitioner/1", practitioner), name=f"in/{server}.json"
        )
    files = sorted((tmp_path / "in").iterdir())
    runs = [files] if together else [[file] for file in files]
    for run in runs:
        import_ok(*run)
    for _ in range(3):
        assert import_ok(tmp_path / "in").changed == 0
    assert [(row.resource_id, row.display) for row in SharedResource.objects.all()] == [("1", "Hospital de Neiva")]
    assert [row.full_name for row in Practitioner.objects.all()] == ["Médica de Neiva"]


ODD = {
    "twice-zipped": (lambda data: gzip.compress(gzip.compress(data)), 0),
    "zipped-in-two-members": (lambda data: gzip.compress(data[:60]) + gzip.compress(data[60:]), 2),
    "zipped-and-padded": (lambda data: gzip.compress(data) + b"\0" * 512, 2),
    "zipped-with-a-tail": (lambda data: gzip.compress(data) + b"tail", 0),
    "zipped-with-a-wrong-sum": (lambda data: gzip.compress(data)[:-8] + b"\0" * 8, 0),
    "a-zip-header-only": (lambda data: gzip.compress(data)[:6], 0),
    "two-bytes": (lambda data: b"\x1f\x8b", 0),
    "utf-8-with-a-mark": (lambda data: b"\xef\xbb\xbf" + data, 2),
    "utf-16": (lambda data: data.decode().encode("utf-16"), 0),
    "twice-in-a-row": (lambda data: data + data, 0),
    "as-a-list": (lambda data: b"[" + data + b"]", 0),
    "with-a-comment": (lambda data: b"// FHIR\n" + data, 0),
    "with-a-comma-too-many": (lambda data: data[:-1] + b",}", 0),
    "xml": (lambda data: b"<Bundle xmlns='http://hl7.org/fhir'/>", 0),
    "a-zip": (lambda data: b"PK\x03\x04" + data, 0),
    "an-error-page": (lambda data: b"<!doctype html><title>502</title>", 0),
    "keys-twice": (lambda data: data[:-1] + b', "entry": []}', 0),
    "an-escaped-key": (lambda data: data.replace(b'"entry"', b'"\\u0065ntry"'), 2),
    "a-number-of-5000-digits": (lambda data: data.replace(b'"Asma"', b"1" * 5000), 1),
    "a-number-out-of-reach": (lambda data: data.replace(b'"Asma"', b"1e999999"), 2),
    "not-a-number": (lambda data: data.replace(b'"Asma"', b"NaN"), 2),
    "half-a-character": (lambda data: data.replace(b'"Asma"', b'"\\ud83d"'), 2),
    "a-zero-byte": (lambda data: data.replace(b'"Asma"', b'"A\\u0000sma"'), 2),
    "a-raw-line-break": (lambda data: data.replace(b'"Asma"', b'"A\nsma"'), 2),
    "a-key-with-a-zero-byte": (lambda data: data.replace(b'"text"', b'"te\\u0000xt"'), 2),
    "an-id-of-5000-characters": (lambda data: data.replace(b'"c1"', b'"' + b"c" * 5000 + b'"'), 2),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_is_taken_or_refused_and_never_flaps(tmp_path, fhir_patient, kind):
    change, stored = ODD[kind]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": fhir_patient()}, {"resource": CONDITION}]}
    path = tmp_path / "odd.json"
    path.write_bytes(change(json.dumps(bundle).encode()))
    first, second = import_path([path]), import_path([path])
    assert Patient.objects.count() + ClinicalRecord.objects.count() == stored == first.total.created
    assert second.changed == 0
    assert [refusal.reason for refusal in first.quarantined] == [refusal.reason for refusal in second.quarantined]
    assert QuarantinedResource.objects.count() == len(first.quarantined)
    assert bool(first.quarantined) == (stored < 2 and kind != "keys-twice")
