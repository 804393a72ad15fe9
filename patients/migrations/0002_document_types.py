"""The document types a clinic starts with: Colombia's health-system codes, then two of wider use."""

from django.db import migrations

US_SOCIAL_SECURITY = "http://hl7.org/fhir/sid/us-ssn"
MEDICAL_RECORD_SYSTEM = "http://hospital.smarthealthit.org"

# id, code, name, identifier systems, codes of HL7 table 0203, unique per issuer only. An identifier that is
# typed by the code or the name itself needs no entry here, and a code that means something else to HL7
# (PA there is a physician assistant's number) must have none.
DOCUMENT_TYPES = (
    (1, "CC", "Cédula de ciudadanía", [], ["NI", "NNCOL"], False),
    (2, "CE", "Cédula de extranjería", [], ["PRC"], False),
    (3, "TI", "Tarjeta de identidad", [], [], False),
    (4, "RC", "Registro civil", [], ["BCT"], False),
    (5, "PA", "Pasaporte", [], ["PPN"], False),
    (6, "PE", "Permiso especial de permanencia", [], [], False),
    (7, "PT", "Permiso por protección temporal", [], [], False),
    (8, "CD", "Carné diplomático", [], [], False),
    (9, "SS", "Seguridad social o documento nacional extranjero", [US_SOCIAL_SECURITY], ["SS", "SB"], False),
    (10, "MR", "Número de historia clínica", [MEDICAL_RECORD_SYSTEM], ["MR", "MRT"], True),
)


def add_document_types(apps, schema_editor):
    """Add what is missing; a clinic's own edits stay."""
    document_type = apps.get_model("patients", "DocumentType")
    for id_, code, name, systems, hl7_codes, issuer_scoped in DOCUMENT_TYPES:
        document_type.objects.get_or_create(
            id=id_,
            defaults={
                "code": code,
                "name": name,
                "systems": systems,
                "hl7_codes": hl7_codes,
                "issuer_scoped": issuer_scoped,
            },
        )


class Migration(migrations.Migration):
    """Data only; going back leaves the rows, which identifiers may point to."""

    dependencies = [("patients", "0001_initial")]

    operations = [migrations.RunPython(add_document_types, migrations.RunPython.noop)]
