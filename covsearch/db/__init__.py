"""Metadata in SQLite: works, performances, their MusicBrainz matches and a text index (no vectors)."""
