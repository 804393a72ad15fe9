"""Factories of FHIR files and of imports."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patients.importer import ImportSummary, import_path

Json = dict[str, Any]
WriteFile = Callable[..., Path]


@pytest.fixture
def fhir_file(tmp_path: Path) -> WriteFile:
    """Write a FHIR file: a JSON value, text or bytes; gzip when the name says so."""

    def write(content: Any, name: str = "file.json") -> Path:
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        data = data.encode() if isinstance(data, str) else data
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def fhir_bundle(fhir_file: WriteFile) -> WriteFile:
    """Write a bundle of resources; a resource given as (fullUrl, resource) gets that fullUrl."""

    def write(*resources: Any, name: str = "bundle.json", type: str = "transaction") -> Path:  # noqa: A002 - FHIR's
        entries = []
        for item in resources:
            full_url, resource = item if isinstance(item, tuple) else ("", item)
            entries.append({"fullUrl": full_url, "resource": resource} if full_url else {"resource": resource})
        return fhir_file({"resourceType": "Bundle", "type": type, "entry": entries}, name)

    return write


@pytest.fixture
def fhir_patient() -> Callable[..., Json]:
    """A FHIR Patient with whatever a test adds or changes."""

    def make(**changes: Any) -> Json:
        return {
            "resourceType": "Patient",
            "id": "ana",
            "name": [{"family": "Rojas", "given": ["Ana"]}],
            "birthDate": "1990-05-14",
            **changes,
        }

    return make


@pytest.fixture
def import_ok(db: None) -> Callable[..., ImportSummary]:
    """Import, and insist that nothing was quarantined."""

    def run(*paths: Path) -> ImportSummary:
        summary = import_path(paths)
        assert summary.quarantined == []
        return summary

    return run
