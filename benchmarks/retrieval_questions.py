"""Write questions with known answers about public FHIR bundles, to measure retrieval with.

    python -m benchmarks.retrieval_questions ../shared/data/fhir --seed 1 > dev.jsonl
    python manage.py evaluate_retrieval dev.jsonl

The names under which things are asked for are in retrieval_questions.toml; the answers are derived from the bundles
by the rule that stands beside each. `--half a` or `b` gives every second name and template only, so that one half
can be looked at while the other stays unseen.
"""

import argparse
import gzip
import json
import random
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
TERMS = tomllib.loads((HERE / "retrieval_questions.toml").read_text(encoding="utf-8"))
FREEFORM = tomllib.loads((HERE / "retrieval_freeform.toml").read_text(encoding="utf-8"))
Json = dict[str, Any]
# Of the combinations of names and templates, one in so many is asked.
ONE_IN = {"condition": 3, "test": 3, "vital": 2, "procedure": 2, "medicine": 2}

TEMPLATES = {
    "condition_onset": {
        "en": [
            "When was {} diagnosed?",
            "date of diagnosis of {}",
            "Since when has the patient had {}?",
            "When did the patient have {}?",
        ],
        "es": [
            "¿Cuándo le diagnosticaron {}?",
            "fecha de diagnóstico de {}",
            "¿Desde cuándo tiene {}?",
            "¿Cuándo presentó {}?",
        ],
    },
    "condition_history": {
        "en": [
            "Has the patient ever had {}?",
            "Any history of {}?",
            "Does he have {}?",
            "Tell me about {} in this record",
        ],
        "es": [
            "¿Ha tenido {} alguna vez?",
            "¿Tiene antecedentes de {}?",
            "¿El paciente tiene {}?",
            "busca {} en la historia clínica",
        ],
    },
    "latest_test": {
        "en": [
            "What is the latest {}?",
            "Most recent {} result?",
            "What was the last {}?",
            "last {}",
            "Show me the newest {} value",
        ],
        "es": [
            "¿Cuál es el último valor de {}?",
            "¿Cuál fue el resultado más reciente de {}?",
            "último {}",
            "¿En cuánto está {}?",
            "Muéstrame {} más reciente",
        ],
    },
    "first_test": {
        "en": ["What was the first {} on record?", "Earliest {} measured?"],
        "es": ["¿Cuál fue el primer {} registrado?", "la primera medición de {}"],
    },
    "test_in_year": {
        "en": ["What was the {} in {year}?", "{} results from {year}"],
        "es": ["¿Cuánto fue {} en {year}?", "resultados de {} del año {year}"],
    },
    "latest_vaccine": {
        "en": ["When was the last {} vaccine?", "Most recent {} shot?", "date of last {} immunization"],
        "es": [
            "¿Cuándo fue la última vacuna contra {}?",
            "¿Cuándo se vacunó por última vez de {}?",
            "fecha de la última dosis de {}",
        ],
    },
    "vaccine": {
        "en": [
            "Has the patient had the {} vaccine?",
            "Is the patient vaccinated against {}?",
            "{} vaccination history",
        ],
        "es": ["¿Le han puesto la vacuna de {}?", "¿Está vacunado contra {}?", "historial de vacunación de {}"],
    },
    "medicine": {
        "en": [
            "When was {} prescribed?",
            "Has the patient ever taken {}?",
            "Why was {} prescribed?",
            "What dose of {} was ordered?",
        ],
        "es": [
            "¿Cuándo le recetaron {}?",
            "¿Ha tomado {}?",
            "¿Por qué le formularon {}?",
            "¿Qué dosis de {} se ordenó?",
        ],
    },
    "procedure": {
        "en": ["Has the patient had {}?", "When was {} done?", "Was {} ever performed?"],
        "es": ["¿Le han hecho {}?", "¿Cuándo se realizó {}?", "¿Se le practicó {}?"],
    },
    "last_procedure": {
        "en": ["When was the last time the patient had {}?"],
        "es": ["¿Cuándo fue la última vez que le hicieron {}?"],
    },
    "allergy": {
        "en": ["Is the patient allergic to {}?", "any allergy to {}?"],
        "es": ["¿Es alérgico a {}?", "¿Tiene alergia a {}?"],
    },
    "careplan": {
        "en": ["Is there a care plan for {}?", "{} plan: when did it start?"],
        "es": ["¿Hay un plan de cuidado de {}?", "¿Cuándo empezó el plan de {}?"],
    },
    "latest_report": {
        "en": ["When was the last {} done?", "Latest {}"],
        "es": ["¿Cuándo se hizo el último {}?", "{} más reciente"],
    },
    "imaging": {
        "en": ["Is there {}?", "When was {} done?"],
        "es": ["¿Hay {}?", "¿Cuándo le tomaron {}?"],
    },
}
LISTS = {
    "allergies": {
        "en": [
            "Is the patient allergic to anything?",
            "List the allergies",
            "Known allergies?",
            "What should we avoid because of allergies?",
        ],
        "es": ["¿Es alérgico a algo?", "Alergias conocidas", "¿Qué alergias tiene?", "lista de alergias del paciente"],
    },
    "active_meds": {
        "en": [
            "What is the patient taking right now?",
            "Current medications",
            "List active prescriptions",
            "Which drugs is she on?",
        ],
        "es": ["¿Qué está tomando ahora?", "Medicación actual", "medicamentos vigentes", "¿Qué fármacos toma?"],
    },
    "active_conditions": {
        "en": [
            "What are the current problems?",
            "Active diagnoses",
            "What conditions does the patient have now?",
            "problem list",
        ],
        "es": [
            "¿Qué enfermedades tiene actualmente?",
            "Problemas activos",
            "diagnósticos vigentes",
            "lista de problemas",
        ],
    },
    "active_careplans": {
        "en": ["Which care plans are active?", "current care plans"],
        "es": ["¿Qué planes de cuidado están activos?", "planes de atención vigentes"],
    },
    "goals": {
        "en": ["What are the treatment goals?", "goals of care on record"],
        "es": ["¿Cuáles son las metas del tratamiento?", "objetivos terapéuticos"],
    },
    "last_emergency": {
        "en": [
            "When was the last ER visit?",
            "Most recent emergency department visit",
            "last time in the emergency room",
        ],
        "es": [
            "¿Cuándo fue la última vez en urgencias?",
            "última atención por urgencias",
            "¿Cuándo vino por última vez a emergencias?",
        ],
    },
    "last_inpatient": {
        "en": ["When was the last hospital admission?", "most recent hospitalization"],
        "es": ["¿Cuándo fue la última hospitalización?", "último ingreso hospitalario"],
    },
    "last_visit": {
        "en": ["When was the last visit?", "most recent encounter"],
        "es": ["¿Cuándo fue la última consulta?", "última visita"],
    },
    "imaging_list": {
        "en": ["What imaging studies have been done?"],
        "es": ["¿Qué estudios de imagen se le han hecho?"],
    },
    "vaccines_in_year": {
        "en": ["Which vaccines were given in {year}?"],
        "es": ["¿Qué vacunas le pusieron en {year}?"],
    },
    "visits_in_year": {
        "en": ["What visits were there in {year}?"],
        "es": ["¿Qué consultas tuvo en {year}?"],
    },
}


def main() -> None:
    """Print the questions as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with synthea-2019 and synthea-2021-hiv")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--freeform", choices=tuple(FREEFORM), help="a list of retrieval_freeform.toml instead")
    parser.add_argument("--half", choices=("a", "b"), help="every second name and template only")
    options = parser.parse_args()
    random.seed(options.seed)
    patients = [
        Patient(path) for path in sorted(options.folder.glob("synthea*/*.json.gz")) if "hospital" not in path.name
    ]
    questions = list(freeform(patients, options.freeform) if options.freeform else asked(patients, options.half))
    for number, question in enumerate(questions, 1):
        sys.stdout.write(json.dumps({"id": f"{options.half or 'q'}{number:04}", **question}, ensure_ascii=False) + "\n")


class Patient:
    """One bundle: its patient and the resources by type."""

    def __init__(self, path: Path) -> None:
        bundle = json.loads(gzip.decompress(path.read_bytes()))
        self.path = f"shared/data/fhir/{path.parent.name}/{path.name}"
        self.resources: dict[str, list[Json]] = {}
        for entry in bundle["entry"]:
            self.resources.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
        self.reference = f"Patient/{self.resources['Patient'][0]['id']}"

    def of(self, kind: str) -> list[Json]:
        """Its resources of a type."""
        return self.resources.get(kind, [])


def codes(resource: Json, element: str = "code") -> list[str]:
    """The codes of an element."""
    return [coding.get("code", "") for coding in resource.get(element, {}).get("coding", [])]


def called(resource: Json, element: str = "code") -> str:
    """What an element is called."""
    found = resource.get(element, {})
    found = found[0] if isinstance(found, list) else found
    return found.get("text") or next((coding.get("display", "") for coding in found.get("coding", [])), "")


def when(resource: Json) -> datetime:
    """When it happened."""
    period = resource.get("performedPeriod") or resource.get("period") or {}
    names = ("effectiveDateTime", "occurrenceDateTime", "onsetDateTime", "authoredOn", "performedDateTime", "started")
    text = next((resource[name] for name in names if resource.get(name)), period.get("start") or "1800-01-01")
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def newest(found: list[Json]) -> list[Json]:
    """The last of them; all that share its instant."""
    return [item for item in found if when(item) == max(map(when, found))]


def oldest(found: list[Json]) -> list[Json]:
    """The first of them; all that share its instant."""
    return [item for item in found if when(item) == min(map(when, found))]


def by_name(kind: str, pattern: str, element: str = "code") -> Callable[[Patient], list[Json]]:
    """The resources of a type whose name fits."""
    compiled = re.compile(pattern, re.IGNORECASE if kind == "MedicationRequest" else 0)
    return lambda patient: [item for item in patient.of(kind) if compiled.search(called(item, element))]


def by_code(kind: str, pattern: str, element: str = "code") -> Callable[[Patient], list[Json]]:
    """The resources of a type one of whose codes fits."""
    compiled = re.compile(f"(?:{pattern})$")
    return lambda patient: [item for item in patient.of(kind) if any(map(compiled.match, codes(item, element)))]


def status(resource: Json, element: str) -> str:
    """A status, whether coded or plain."""
    value = resource.get(element, "")
    return value if isinstance(value, str) else value["coding"][0]["code"]


def imaging_of(pattern: str) -> Callable[["Patient"], list[Json]]:
    """The imaging studies of a part of the body."""
    return lambda patient: [
        item
        for item in patient.of("ImagingStudy")
        if any(re.search(pattern, series.get("bodySite", {}).get("display", "")) for series in item.get("series", []))
    ]


Find = Callable[[Patient], list[Json]]
Which = Callable[[list[Json]], list[Json]]


class Rule(NamedTuple):
    """A template, the rule in words, which records are meant, and which of them answer."""

    template: str
    words: str
    find: Find
    which: Which = list

    def gold(self, patient: Patient) -> list[Json]:
        """The records that answer."""
        found = self.find(patient)
        return self.which(found) if found else []


# Per section of the names: how a name finds records, and the templates that ask for all, the newest or the oldest.
SECTIONS: dict[str, tuple[Callable[[str], Find], str, dict[str, Which]]] = {
    "condition": (partial(by_name, "Condition"), "Condition", {"condition_onset": list, "condition_history": list}),
    "test": (partial(by_code, "Observation"), "Observation", {"latest_test": newest, "first_test": oldest}),
    "vital": (partial(by_code, "Observation"), "Observation", {"latest_test": newest, "first_test": oldest}),
    "vaccine": (
        partial(by_code, "Immunization", element="vaccineCode"),
        "Immunization",
        {"latest_vaccine": newest, "vaccine": list},
    ),
    "medicine": (
        partial(by_name, "MedicationRequest", element="medicationCodeableConcept"),
        "MedicationRequest",
        {"medicine": list},
    ),
    "procedure": (partial(by_name, "Procedure"), "Procedure", {"procedure": list, "last_procedure": newest}),
    "allergy": (partial(by_name, "AllergyIntolerance"), "AllergyIntolerance", {"allergy": list}),
    "careplan": (partial(by_name, "CarePlan", element="category"), "CarePlan", {"careplan": list}),
    "report": (partial(by_name, "DiagnosticReport"), "DiagnosticReport", {"latest_report": newest}),
    "imaging": (imaging_of, "ImagingStudy", {"imaging": list}),
}


def named_rules() -> Iterator[tuple[str, Json, Rule]]:
    """(section, names, rule)."""
    for section, (finder, kind, templates) in SECTIONS.items():
        for pattern, names in TERMS[section].items():
            for template, which in templates.items():
                words = f"{which.__name__ if which is not list else 'all'} {kind} /{pattern}/"
                yield section, names, Rule(template, words, finder(pattern), which)


def of_type(kind: str, element: str = "", value: str = "") -> Find:
    """All resources of a type, or those with a status."""
    return lambda patient: [item for item in patient.of(kind) if not element or status(item, element) == value]


def of_class(code: str) -> Find:
    """The encounters of a class."""
    return lambda patient: [item for item in patient.of("Encounter") if item["class"]["code"] == code]


LIST_RULES = (
    Rule("allergies", "all AllergyIntolerance", of_type("AllergyIntolerance")),
    Rule("active_meds", "all MedicationRequest status=active", of_type("MedicationRequest", "status", "active")),
    Rule("active_conditions", "all Condition clinicalStatus=active", of_type("Condition", "clinicalStatus", "active")),
    Rule("active_careplans", "all CarePlan status=active", of_type("CarePlan", "status", "active")),
    Rule("goals", "all Goal", of_type("Goal")),
    Rule("last_emergency", "newest Encounter class=EMER", of_class("EMER"), newest),
    Rule("last_inpatient", "newest Encounter class=IMP", of_class("IMP"), newest),
    Rule("last_visit", "newest Encounter", of_type("Encounter"), newest),
    Rule("imaging_list", "all ImagingStudy", of_type("ImagingStudy")),
)


def asked(patients: list[Patient], half: str | None) -> Iterator[Json]:
    """Every question."""
    for section, names, rule in named_rules():
        for language in ("en", "es"):
            for name in names[language]:
                if not half or which_half(name) == half:
                    yield from named(patients, section, name, language, rule)
    for rule in LIST_RULES:
        for language in ("en", "es"):
            for text in LISTS[rule.template][language]:
                if not half or which_half(text) == half:
                    yield from listed(patients, text, language, rule)
    yield from lists_in_year(patients, half)


def named(patients: list[Patient], section: str, name: str, language: str, rule: Rule) -> Iterator[Json]:
    """Questions about one thing, of patients who have it and of some who have not."""
    having = [patient for patient in patients if rule.find(patient)]
    lacking = [patient for patient in patients if not rule.find(patient)]
    for pattern in TEMPLATES[rule.template][language]:
        text = pattern.replace("{}", name)
        if having and keep(rule.template, name, pattern, one_in=ONE_IN.get(section, 1)):
            yield question(random.choice(having), text, language, rule)
        if lacking and keep("un" + rule.template, name, pattern, one_in=9):
            yield question(random.choice(lacking), text, language, rule)
    if rule.template != "latest_test" or not having:
        return
    for pattern in TEMPLATES["test_in_year"][language]:
        patient = random.choice(having)
        year = when(random.choice(rule.find(patient))).year
        text = pattern.replace("{}", name).replace("{year}", str(year))
        yield question(patient, text, language, Rule("test_in_year", rule.words, rule.find, in_year(year)))


def listed(patients: list[Patient], text: str, language: str, rule: Rule) -> Iterator[Json]:
    """One question of several patients who have what it asks for, and of one who has not."""
    having = [patient for patient in patients if rule.find(patient)]
    lacking = [patient for patient in patients if not rule.find(patient)]
    for patient in (*random.sample(having, min(4, len(having))), *random.sample(lacking, min(1, len(lacking)))):
        yield question(patient, text, language, rule)


def lists_in_year(patients: list[Patient], half: str | None) -> Iterator[Json]:
    """What was done in a year that has some of it."""
    for template, kind in (("vaccines_in_year", "Immunization"), ("visits_in_year", "Encounter")):
        for language in ("en", "es"):
            for pattern in LISTS[template][language]:
                if half and which_half(pattern) != half:
                    continue
                for patient in random.sample([patient for patient in patients if patient.of(kind)], 5):
                    year = when(random.choice(patient.of(kind))).year
                    rule = Rule(template, f"{kind} in {year}", of_type(kind), in_year(year))
                    yield question(patient, pattern.replace("{year}", str(year)), language, rule)


def in_year(year: int) -> Which:
    """Those of a year."""
    return lambda found: [item for item in found if when(item).year == year]


def freeform(patients: list[Patient], lot: str) -> Iterator[Json]:
    """A lot of retrieval_freeform.toml: each question of two patients who have what it asks for and one who has not."""
    lists = {
        "allergylist": of_type("AllergyIntolerance"),
        "activemeds": of_type("MedicationRequest", "status", "active"),
        "activeconditions": of_type("Condition", "clinicalStatus", "active"),
    }
    which = {"all": list, "newest": newest, "oldest": oldest}
    for language, section, pattern, chosen, text in FREEFORM[lot]:
        find = lists.get(section) or (of_class(pattern) if section == "encounter" else SECTIONS[section][0](pattern))
        rule = Rule(section, f"{chosen} of {section} /{pattern}/", find, which[chosen])
        having = [patient for patient in patients if find(patient)]
        lacking = [patient for patient in patients if not find(patient)]
        for patient in (*random.sample(having, min(2, len(having))), *random.sample(lacking, min(1, len(lacking)))):
            yield question(patient, text, language, rule)


def keep(template: str, name: str, pattern: str, *, one_in: int) -> bool:
    """Some of the many combinations, always the same ones."""
    return int(sha256(f"{template}|{name}|{pattern}".encode()).hexdigest(), 16) // 7 % one_in == 0


def which_half(words: str) -> str:
    """Which half a question belongs to: by the name of what is asked about, else by its words."""
    return "ab"[int(sha256(words.encode()).hexdigest(), 16) % 2]


def question(patient: Patient, text: str, language: str, rule: Rule) -> Json:
    """One line, in the form of shared/data/retrieval."""
    gold = [f"{item['resourceType']}/{item['id']}" for item in rule.gold(patient)]
    return {
        "lang": language,
        "type": rule.template if gold else f"unanswerable:{rule.template}",
        "patient": patient.reference,
        "bundle": patient.path,
        "question": text,
        "answerable": bool(gold),
        "gold": gold,
        "rule": rule.words,
    }


if __name__ == "__main__":
    main()
