"""Files that are made of an account."""
