"""Pages over all accounts, and pages that compose one account from every app below."""
