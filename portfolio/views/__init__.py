"""Pages over many accounts, and the page of one account that composes every app."""
