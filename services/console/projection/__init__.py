"""The projection of topics into the database."""
