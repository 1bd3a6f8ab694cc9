"""The generator: produces payment transactions at a set rate."""
