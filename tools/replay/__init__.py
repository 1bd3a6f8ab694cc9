"""Feeds one's own transactions, from files, through the contract into the input topic."""
