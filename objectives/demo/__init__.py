"""The demo portfolio: an invented world with a year of history, for trying the product out and for showing it."""
