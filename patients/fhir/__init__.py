"""The only door to FHIR shapes: what comes in is any JSON at all, what goes out is typed and total."""
