"""Contract files: topics, subjects, schemas, and the types that schemas share."""
