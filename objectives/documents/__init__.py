"""Files that are made of objectives and what was measured."""
