"""What people type about objectives, read and checked before the services see it."""
