"""The stages after the vectors (numpy and numba: no torch to answer)."""

HEAD, WINDOWS, ALIGN = RERANKS = ("head", "windows", "align")
"""What may order the matches of a query (:mod:`covsearch.stages`)."""
COSINE = "cosine"
"""What orders foreign vectors, and nothing else."""
