"""Commands and helpers for people and tests; no service imports them."""
