"""Says why the verdict of a transaction is what it is."""
