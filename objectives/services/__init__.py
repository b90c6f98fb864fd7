"""The only writers of metrics, readings, objectives, standings and snapshots."""
