"""Checks of changed contracts against a baseline, and the findings."""
