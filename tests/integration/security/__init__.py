"""On a broker that asks who its clients are and what they may do."""
