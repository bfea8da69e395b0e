"""Folders of audio, as a collection like any other.

::

    scan       folder   -> audio files below it, and what was left out
    heard      file     -> what is known of it from an earlier run
    pool       files    -> answers of worker processes, one file lost where a worker dies
    worker     file     -> tags, checksum of its sound, chroma in the cache; within limits
    content    file     -> checksum of its sound, without its tags
    tags       file     -> title, artist, album, year, MusicBrainz ids
    audio      folder   -> AudioFolder, a :class:`~covsearch.dataset.source.Source`
    given      paths    -> whichever source they are
    extract    folder   -> HDF5 files in Da-TACOS's layout

Import the module you need; nothing is imported here.
"""
