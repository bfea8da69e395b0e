"""Studies that were made once: each answers one question and writes its table to ``benchmarks/results``."""
