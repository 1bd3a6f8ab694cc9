"""What people and tests use around the services; no service imports it."""
