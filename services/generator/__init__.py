"""Makes payment transactions at a set rate."""
