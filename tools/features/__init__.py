"""Features of past transactions, computed as the detector computes them, in a file for training."""
