"""Messages as people and programs read them. Pure: from a message to text, HTML, Slack blocks and JSON."""
