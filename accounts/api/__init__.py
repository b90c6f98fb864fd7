"""Who calls the API, and how it names people."""
