"""Reads over objectives, snapshots and standings, for pages, API and exports alike."""
