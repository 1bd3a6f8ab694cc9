"""Pipelines of one's own on a real cluster, services as processes, and networks that fail: for tests and chaos."""
