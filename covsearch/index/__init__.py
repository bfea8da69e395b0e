"""Vectors and ids: exact and two-stage search, and the generations they are stored in (no torch, no SQL)."""
