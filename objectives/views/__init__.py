"""Pages and parts of pages about objectives: each view reads the clock, checks who asks, and makes one call."""
