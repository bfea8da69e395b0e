"""Chroma arrays to what a branch sees: unit frames, block means, one packed file for a whole collection."""
