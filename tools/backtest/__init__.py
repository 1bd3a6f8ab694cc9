"""What a changed rules file would have done differently, on transactions of the past."""
