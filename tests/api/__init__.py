"""The REST API, from outside."""
