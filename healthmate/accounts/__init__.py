"""Users, tokens and /auth."""
