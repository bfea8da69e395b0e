"""Does the report's quantum block help? Its two models, two variants and a classical control, with seeds.

::

    synthetic.py ──> runs.py ──> one JSON a run ──> summary.py ──> report.py, figures.py

Run as ``python -m benchmarks.studies.hybrid_study``; see :mod:`benchmarks.studies.hybrid_study.__main__`.
"""
