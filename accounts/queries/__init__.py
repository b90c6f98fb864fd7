"""What pages of the accounts app read."""
