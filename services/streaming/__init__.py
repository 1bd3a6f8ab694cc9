"""Stream processing on Kafka: settings, clients, topics, and the transactional loop. Knows no fraud and no schema."""
