"""The pipeline at work in one command: a cluster, a generator and a detector, watched and counted from outside."""
