"""The detector: reads transactions, judges them by rules, and routes them to a legit or a fraud topic, exactly once."""
