"""Starting, running, stopping: tried with real processes."""
