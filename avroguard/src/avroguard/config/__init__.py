"""What the contract files say: topics, subjects, schemas, and the types that schemas share."""
