"""Da-TACOS, from folders to arrays.

::

    layout     root          -> folders, files and subsets, by name
    metadata   JSON          -> performances
    datacos    root          -> Dataset: performances, their files, what was skipped
    hdf5       file, feature -> chroma (T, 12)
    frame_rate subset        -> frames a second of its files
    info       Dataset       -> counts and lengths
    splits     works         -> train, validation, test
    pairs      performances  -> covers and non-covers
    sample     the collection that comes with covsearch

Import the module you need; nothing is imported here.
"""
