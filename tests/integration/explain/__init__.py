"""Explanations of verdicts on the real cluster."""
