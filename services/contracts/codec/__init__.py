"""Messages: framing, strict records, and columns at the speed of numpy."""
