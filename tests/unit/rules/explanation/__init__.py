"""Explanations of verdicts."""
