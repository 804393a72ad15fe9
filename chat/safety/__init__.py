"""What may not wait for a model, and what a model may not say."""
