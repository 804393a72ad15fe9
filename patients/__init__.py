"""Patients, agenda and clinical records."""
