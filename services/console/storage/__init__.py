"""The database of the console."""
