"""Patients, agenda, records and audit for the clinic's staff."""

from patients.admin import agenda, people, records

__all__ = ["agenda", "people", "records"]
