"""Does the report's quantum block help? Its two models, two variants and a classical control, with seeds.

::

    synthetic.py ──> runs.py ──> one JSON a run ──> summary.py ──> report.py, figures.py

Run as ``python -m benchmarks.hybrid_study``; see :mod:`benchmarks.hybrid_study.__main__`.
"""
