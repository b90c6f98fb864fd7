"""What every part of the REST API shares: reading requests strictly, answering alike, problems, pages."""
