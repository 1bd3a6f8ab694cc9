"""Contracts into a registry and back: plan, lockfile, drift, pull."""
