"""From records to the pieces that are searched: their text, and keeping them up to date."""
