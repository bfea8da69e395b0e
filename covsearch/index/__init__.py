"""Vectors and ids: exact search, and the generations they are stored in (no torch, no SQL)."""
