"""Differences that a changed rules file makes to the verdicts on past transactions."""
