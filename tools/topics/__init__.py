"""Topics as tools read them: messages, their records and columns, offsets and consumer groups."""
