"""Avro's schema language: JSON with places, and every fault with its rule and place."""
