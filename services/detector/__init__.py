"""The detector: reads transactions, evaluates them by rules, and routes them to legit or fraud, exactly once."""
