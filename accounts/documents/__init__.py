"""Files that are made for people and for other programs: of an account, of a calendar."""
