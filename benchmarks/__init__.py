"""Measurements side by side with what others do; never run by the suite."""
