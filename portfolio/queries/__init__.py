"""Reads that compose several apps into one page."""
