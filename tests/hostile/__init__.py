"""Broken, hostile and damaged files of every kind that covsearch reads."""
