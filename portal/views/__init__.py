"""Pages around the customer's portal."""
