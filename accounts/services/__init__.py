"""The only writers of the accounts app."""
