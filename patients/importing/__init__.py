"""The parts of an import; `patients.importer` is the way in."""
