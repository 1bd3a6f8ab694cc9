"""Avro's schema language: JSON with positions, and every finding with its rule and position."""
