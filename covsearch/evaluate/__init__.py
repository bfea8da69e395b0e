"""How good the answers are: pure functions of arrays, baselines beside every model, held-out pairs only."""
