"""covsearch: the search engine for cover songs.

The public ladder, each rung adding one stage (import the rung you need; nothing heavy is imported here)::

    covsearch.dataset    Da-TACOS files -> chroma arrays and metadata
    covsearch.features   chroma arrays  -> packed frames
    covsearch.models     frames         -> 128-D unit vectors, and the learned head
    covsearch.embed      files, stores  -> vectors
    covsearch.build      dataset + model -> a generation of the index
    covsearch.search     performance id -> ranked matches
"""

__version__ = "0.1.0"
