"""Rules that hold for the whole product."""
