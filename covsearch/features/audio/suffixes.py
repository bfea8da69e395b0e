"""Which files are audio, by their names; imports nothing that takes time."""

from __future__ import annotations

from pathlib import Path

SOUNDFILE_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"}
    | {".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"}
)
FFMPEG_SUFFIXES = frozenset(
    {".m4a", ".m4b", ".mp4", ".aac", ".wma", ".asf", ".mka", ".mkv", ".webm", ".mov", ".avi"}
    | {".ape", ".wv", ".mpc", ".tta", ".ac3", ".mp2", ".3gp", ".amr"}
)
AUDIO_SUFFIXES = SOUNDFILE_SUFFIXES | FFMPEG_SUFFIXES
"""In lower case, with the dot."""

IN_WORDS = "WAV, FLAC, Ogg, Opus, MP3 and AIFF; m4a, aac, wma and videos with the extra 'audio'"


def is_audio(path: str | Path) -> bool:
    """Whether a file's name ends as one of an audio or a video file that covsearch can read does."""
    return Path(path).suffix.lower() in AUDIO_SUFFIXES
