"""Writes: the model's door, conversations, runs."""
