"""Files that come in: each is checked as a whole, then saved as a whole or not at all."""
