"""The scripted model: answers the Responses API by rules, from the request alone, as any model does."""
