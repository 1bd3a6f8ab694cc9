"""Compares recent features with those that a model was trained on."""
