"""The schema registry: its client, its settings."""
