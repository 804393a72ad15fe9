"""Ground floor: what every app may import and nothing here imports an app."""
