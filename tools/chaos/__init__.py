"""Faults, injected into real services on a real cluster, and an independent look at what became of every message."""
