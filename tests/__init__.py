"""What the tests share with benchmarks: hostile files (``hostile``), and killing at any step (``crash``)."""
