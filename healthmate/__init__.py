"""The composition root: settings, addresses, checks."""
