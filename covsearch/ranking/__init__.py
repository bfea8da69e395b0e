"""The stages after the vectors (numpy and numba: no torch to answer)."""
