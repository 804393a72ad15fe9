"""What the columns of a record say, for every shape a resource may have."""

import base64
import gzip
from datetime import UTC, datetime

import pytest

from patients.fhir.records import record_columns, shared_name

SNOMED = "http://snomed.info/sct"


def columns(resource_type, **elements):
    return record_columns({"resourceType": resource_type, **elements}, lambda reference: {})


def coded(code, display="", system=SNOMED):
    return {"coding": [{"system": system, "code": code, "display": display}]}


@pytest.mark.parametrize(
    ("elements", "value"),
    [
        ({"valueQuantity": {"value": 7.2, "unit": "%"}}, "7.2 %"),
        ({"valueQuantity": {"value": 6.0, "code": "mg"}}, "6 mg"),
        ({"valueQuantity": {"value": 179.23347621031567, "unit": "cm"}}, "179.2335 cm"),
        ({"valueQuantity": {"value": 0.000123456789, "unit": "g"}}, "0.00012346 g"),
        ({"valueQuantity": {"comparator": "<", "value": 5, "unit": "U/L"}}, "<5 U/L"),
        ({"valueQuantity": {"unit": "kg"}}, ""),
        ({"valueQuantity": "7"}, "7"),
        ({"valueString": "negativo"}, "negativo"),
        ({"valueBoolean": False}, "false"),
        ({"valueInteger": 0}, "0"),
        ({"valueCodeableConcept": coded("1", "Never smoker")}, "Never smoker"),
        ({"valueCodeableConcept": {"text": "No fuma", **coded("1", "Never smoker")}}, "No fuma"),
        ({"valueRange": {"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}}}, "1 mg – 2 mg"),
        ({"valueRange": {"low": {"value": 1}}}, "≥ 1"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1:128"),
        (
            {"valueRatio": {"numerator": {"value": 5, "unit": "mg"}, "denominator": {"value": 1, "unit": "mL"}}},
            "5 mg / 1 mL",
        ),
        ({"valueDateTime": "2020-05"}, "2020-05"),
        ({"valueTime": "10:00:00"}, "10:00:00"),
        ({"valuePeriod": {"start": "2020", "end": "2021"}}, "2020 – 2021"),
        ({"valueSampledData": {"dimensions": 1, "period": 10}}, "1 series, 10 ms apart"),
        ({"dataAbsentReason": coded("unknown", "Unknown")}, "no value: Unknown"),
        (
            {
                "valueQuantity": {
                    "_value": {
                        "extension": [
                            {
                                "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                                "valueCode": "masked",
                            }
                        ]
                    }
                }
            },
            "no value: masked",
        ),
        (
            {
                "component": [
                    {"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}},
                    {"code": {"text": "Diastolic"}, "valueQuantity": {"value": 80, "unit": "mmHg"}},
                    {"code": {"text": "Mean"}, "dataAbsentReason": {"text": "not measured"}},
                ]
            },
            "Systolic: 120 mmHg; Diastolic: 80 mmHg; Mean: no value: not measured",
        ),
        ({"valueInteger": 9, "interpretation": [coded("H", "High")]}, "9 (High)"),
        ({}, ""),
    ],
)
def test_observed_values(elements, value):
    assert columns("Observation", **elements)["value"] == value


@pytest.mark.parametrize(
    ("elements", "at", "text"),
    [
        ({"effectiveDateTime": "2020-05-14T10:00:00-05:00"}, datetime(2020, 5, 14, 15, tzinfo=UTC), None),
        ({"effectiveDateTime": "2020-05-14T10:00:00Z"}, datetime(2020, 5, 14, 10, tzinfo=UTC), None),
        ({"effectiveDateTime": "2020-05-14T10:00:00"}, datetime(2020, 5, 14, 15, tzinfo=UTC), None),
        ({"effectiveDateTime": "2020-05-14T23:59:60.123456789Z"}, datetime(2020, 5, 14, 23, 59, 59, 123456, UTC), None),
        ({"effectiveDateTime": "2020-05-14"}, datetime(2020, 5, 14, 5, tzinfo=UTC), None),
        ({"effectiveDateTime": "2020-05"}, datetime(2020, 5, 1, 5, tzinfo=UTC), None),
        ({"effectiveDateTime": "2020"}, datetime(2020, 1, 1, 5, tzinfo=UTC), None),
        ({"effectiveDateTime": "ayer"}, None, "ayer"),
        ({"effectiveDateTime": "0000-00-00"}, None, "0000-00-00"),
        ({"effectiveDateTime": "9999-12-31T23:00:00-14:00"}, None, "9999-12-31T23:00:00-14:00"),
        ({"effectiveDateTime": {}}, None, ""),
        ({"effectivePeriod": {"start": "2020", "end": "2021"}}, datetime(2020, 1, 1, 5, tzinfo=UTC), "2020"),
        ({"effectivePeriod": {"end": "2021"}}, datetime(2021, 1, 1, 5, tzinfo=UTC), "2021"),
        ({"effectiveTiming": {"event": ["2020-05-14"]}}, datetime(2020, 5, 14, 5, tzinfo=UTC), "2020-05-14"),
        ({"issued": "2020-05-14T10:00:00Z"}, datetime(2020, 5, 14, 10, tzinfo=UTC), "2020-05-14T10:00:00Z"),
        ({"effectiveDateTime": "ayer", "issued": "2020"}, datetime(2020, 1, 1, 5, tzinfo=UTC), "2020"),
        ({}, None, ""),
    ],
)
def test_dates_keep_what_was_written(elements, at, text):
    found = columns("Observation", **elements)
    expected = elements.get("effectiveDateTime") if text is None else text
    assert (found["recorded_at"], found["recorded_text"]) == (at, expected)


@pytest.mark.parametrize(
    ("elements", "text"),
    [({"onsetString": "de niño"}, "de niño"), ({"onsetAge": {"value": 45, "unit": "a"}}, "45 a")],
)
def test_an_onset_in_words_is_kept_as_words(elements, text):
    assert columns("Condition", **elements)["recorded_text"] == text


def test_what_ends_and_what_only_happens():
    assert columns("Condition", onsetDateTime="2019", abatementDateTime="2020")["ended_at"].year == 2020
    assert columns("Encounter", period={"start": "2019", "end": "2020"})["ended_at"].year == 2020
    assert columns("Observation", effectiveDateTime="2020")["ended_at"] is None


@pytest.mark.parametrize(
    ("resource_type", "elements", "negated"),
    [
        ("AllergyIntolerance", {"code": coded("716186003", "No known allergy")}, True),
        ("AllergyIntolerance", {"code": coded("no-known-food-allergies")}, True),
        ("AllergyIntolerance", {"code": {"text": "No Known Drug Allergies"}}, True),
        ("AllergyIntolerance", {"code": {"text": "NKDA"}}, True),
        ("AllergyIntolerance", {"code": {"text": "Niega alergias"}}, True),
        ("AllergyIntolerance", {"code": {"text": "Sin alergias conocidas"}}, True),
        ("AllergyIntolerance", {"code": {"text": "Penicilina"}}, False),
        ("AllergyIntolerance", {"code": {"text": "Nopal"}}, False),
        ("AllergyIntolerance", {"code": {"text": "Penicilina"}, "verificationStatus": coded("refuted")}, True),
        ("AllergyIntolerance", {"code": {"text": "Penicilina"}, "verificationStatus": "entered-in-error"}, True),
        ("AllergyIntolerance", {"code": {"text": "Penicilina"}, "verificationStatus": coded("confirmed")}, False),
        ("Condition", {"code": coded("160245001", "No current problems or disability")}, True),
        ("Condition", {"code": {"text": "No evidence of diabetes"}}, True),
        ("Condition", {"code": {"text": "Diabetes, no complications"}}, False),
        ("Condition", {"code": {"text": "Nonrheumatic valve disorder"}}, False),
        ("Immunization", {"status": "not-done"}, True),
        ("MedicationRequest", {"status": "active", "doNotPerform": True}, True),
        ("MedicationStatement", {"medicationCodeableConcept": coded("no-known-medications")}, True),
        ("Observation", {"code": {"text": "No known exposure"}, "valueBoolean": True}, False),
    ],
)
def test_negated_facts(resource_type, elements, negated):
    assert columns(resource_type, **elements)["negated"] is negated


@pytest.mark.parametrize(
    ("resource_type", "elements", "expected"),
    [
        (
            "Condition",
            {
                "code": coded("195967001", "Asthma"),
                "clinicalStatus": coded("active", "Active"),
                "category": [coded("problem-list-item", "Problem List Item")],
                "severity": {"text": "leve"},
            },
            {
                "code": "195967001",
                "display": "Asthma",
                "status": "active",
                "category": "Problem List Item",
                "value": "leve",
            },
        ),
        ("Condition", {"clinicalStatus": "active", "code": "asma"}, {"status": "active", "display": "asma"}),
        (
            "AllergyIntolerance",
            {
                "code": {"text": "Penicilina"},
                "category": ["medication"],
                "criticality": "high",
                "reaction": [{"manifestation": [{"text": "Urticaria"}], "severity": "severe"}],
            },
            {"display": "Penicilina", "category": "medication", "value": "Urticaria (severe); criticality high"},
        ),
        (
            "AllergyIntolerance",
            {"reaction": [{"substance": coded("7980", "Penicillin")}]},
            {"display": "Penicillin", "code": "7980"},
        ),
        (
            "MedicationRequest",
            {
                "medicationCodeableConcept": coded("1", "Metformin"),
                "status": "active",
                "dosageInstruction": [
                    {
                        "doseAndRate": [{"doseQuantity": {"value": 850, "unit": "mg"}}],
                        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                        "route": {"text": "oral"},
                        "asNeededBoolean": True,
                    }
                ],
            },
            {"display": "Metformin", "status": "active", "value": "850 mg, 2 x / 1 d, oral, as needed"},
        ),
        (
            "MedicationStatement",
            {"medicationCodeableConcept": {"text": "A"}, "dosage": [{"text": "una al día"}]},
            {"display": "A", "value": "una al día"},
        ),
        (
            "Encounter",
            {"class": {"code": "EMER"}, "type": [coded("2", "Visit")], "reasonCode": [{"text": "fiebre"}]},
            {"display": "Visit", "category": "EMER", "value": "fiebre", "code": "2"},
        ),
        (
            "Immunization",
            {"vaccineCode": coded("140", "Flu"), "lotNumber": "L1"},
            {"display": "Flu", "value": "lot L1"},
        ),
        ("Procedure", {"code": {"text": "Sutura"}, "outcome": {"text": "bien"}}, {"value": "bien"}),
        ("DiagnosticReport", {"code": {"text": "Perfil"}, "conclusion": "normal"}, {"value": "normal"}),
        (
            "Goal",
            {
                "description": {"text": "HbA1c < 7"},
                "lifecycleStatus": "active",
                "target": [{"measure": {"text": "HbA1c"}, "detailQuantity": {"value": 7, "unit": "%"}}],
            },
            {"display": "HbA1c < 7", "status": "active", "value": "HbA1c: 7 %"},
        ),
        (
            "CarePlan",
            {"category": [coded("3", "Dieta")], "activity": [{"detail": {"code": {"text": "Ejercicio"}}}]},
            {"display": "Dieta", "code": "3", "value": "Ejercicio"},
        ),
        (
            "ImagingStudy",
            {"series": [{"modality": {"display": "Ultrasound"}, "bodySite": {"display": "Thorax"}}]},
            {"display": "Ultrasound Thorax"},
        ),
        (
            "Composition",
            {"title": "Resumen", "type": coded("60591-5", "Summary")},
            {"display": "Resumen", "code": "60591-5"},
        ),
        (
            "FamilyMemberHistory",
            {"relationship": coded("FTH", "father"), "condition": [{"code": {"text": "Diabetes"}}]},
            {"display": "father", "value": "Diabetes"},
        ),
        (
            "RelatedPerson",
            {"name": [{"family": "Paz", "given": ["Eva"]}], "active": True},
            {"display": "Eva Paz", "status": "active"},
        ),
        ("Coverage", {"type": {"text": "EPS"}, "payor": [{"display": "Sura"}]}, {"display": "EPS", "value": "Sura"}),
        (
            "CareTeam",
            {"name": "Equipo", "participant": [{"member": {"display": "Gil"}}]},
            {"display": "Equipo", "value": "Gil"},
        ),
        ("Flag", {"code": {"text": "Riesgo"}, "status": "active"}, {"display": "Riesgo", "status": "active"}),
        (
            "Observation",
            {"code": {"text": "X"}, "category": [coded("lab", "Lab")]},
            {"display": "X", "code": "", "category": "Lab"},
        ),
        ("Observation", {"code": {"coding": [{"code": "1"}, {"code": "2", "userSelected": True}]}}, {"code": "2"}),
    ],
)
def test_columns_by_type(resource_type, elements, expected):
    found = columns(resource_type, **elements)
    assert {name: found[name] for name in expected} == expected


def attachment(data, kind=None, **more):
    return {"content": [{"attachment": {"contentType": kind, "data": base64.b64encode(data).decode(), **more}}]}


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        (
            {
                "text": {
                    "div": "<div><p>Uno &amp; <b>2</b></p><script>alert(1)</script><style>p{}</style>a &lt; b</div>"
                }
            },
            "Uno & 2\na < b",
        ),
        ({"text": {"div": "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"}}, "a b\nc"),
        ({"text": "plain"}, ""),
        (attachment("Niño con fiebre".encode(), "text/plain"), "Niño con fiebre"),
        (attachment("Niño".encode("latin-1"), "text/plain; charset=latin-1"), "Niño"),
        (attachment(b"\xef\xbb\xbfa\x00b", "text/plain"), "ab"),
        (attachment(b"<p>Hola</p><script>x</script>", "text/html"), "Hola"),
        (
            attachment(b"<?xml version='1.0'?><doc><title>T</title><text>Nota</text></doc>", "application/xml"),
            "T\nNota",
        ),
        (
            attachment(
                b"<ClinicalDocument><title/><text>Uno</text><table><td>a</td><td>b</td></table></ClinicalDocument>",
                "text/plain",
            ),
            "Uno a b",
        ),
        (attachment(b"<script>alert(1)</script><p>Hola</p>", "text/plain"), "Hola"),
        (attachment(b"Hb <b 7 and <John>", "text/plain"), "Hb <b 7 and <John>"),
        (
            {"text": {"div": "<div><script/><a name='x'/>Uno &lt;script&gt;alert(1)&lt;/script&gt; dos</div>"}},
            "Uno dos",
        ),
        (attachment(gzip.compress(b"comprimido"), "text/plain"), "comprimido"),
        (attachment(b"%PDF-1.4", "application/pdf", title="Informe"), "[Informe application/pdf]"),
        ({"content": [{"attachment": {"contentType": "text/plain", "data": "no es base64"}}]}, "[text/plain]"),
        ({"content": [{"attachment": {"contentType": "application/pdf", "url": "a.pdf"}}]}, "[application/pdf]"),
        ({"note": [{"text": "Con <b>énfasis</b>"}, {"text": "dos"}]}, "Con énfasis\ndos"),
        (
            {"section": [{"title": "Plan", "text": {"div": "<div>reposo</div>"}, "section": [{"title": "Dieta"}]}]},
            "Plan\nreposo\nDieta",
        ),
    ],
)
def test_text_has_no_markup_and_notes_are_decoded(elements, text):
    assert columns("DocumentReference", **elements)["text"] == text


def test_what_shared_resources_are_called():
    assert shared_name({"resourceType": "Organization", "name": "Hospital"}) == "Hospital"
    assert shared_name({"resourceType": "Medication", "code": {"text": "A"}}) == "A"
    assert shared_name({"resourceType": "Device", "deviceName": [{"name": "Marcapasos"}]}) == "Marcapasos"
    assert shared_name({"resourceType": "PractitionerRole", "practitioner": {"display": "Gil"}}) == "Gil"
    assert shared_name({"resourceType": "Binary"}) == ""
