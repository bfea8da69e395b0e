"""The stages after the vectors (numpy and numba: no torch to answer)."""

HEAD, WINDOWS, ALIGN, ALIGNER = RERANKS = ("head", "windows", "align", "aligner")
"""What may order the matches of a query (:mod:`covsearch.stages`)."""
COSINE = "cosine"
"""What orders foreign vectors, and nothing else."""
