"""The demo clinic, of our own invention: people as FHIR bundles in `fhir/`, the agenda in `clinic.py`."""
