"""Runnable studies; each writes its figures under ``benchmarks/results``."""
