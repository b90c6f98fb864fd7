"""Forms of the portfolio app."""
