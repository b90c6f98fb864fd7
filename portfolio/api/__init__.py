"""The API's portfolio: all customers together, from their snapshots."""
