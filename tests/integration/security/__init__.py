"""Tests on a broker with authentication and authorisation."""
