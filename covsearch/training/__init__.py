"""Training a branch and its head on pairs of a packed collection."""
