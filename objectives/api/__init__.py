"""The API's customers, objectives, metrics, readings and snapshots."""
