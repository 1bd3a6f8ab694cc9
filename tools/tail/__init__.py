"""Prints the messages of a topic decoded, one JSON object a line."""
