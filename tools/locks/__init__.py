"""The locks of the Python packages: installing exactly what one names, and proving that it names everything."""
