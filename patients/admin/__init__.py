"""Patients, agenda, records and audit for the clinic's staff."""

from patients.admin import agenda, appointments, people, records

__all__ = ["agenda", "appointments", "people", "records"]
