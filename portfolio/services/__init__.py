"""Writers of the portfolio app."""
