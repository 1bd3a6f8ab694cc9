"""What people type that belongs to the pipeline: topics, dead letters, rules, generated types."""
