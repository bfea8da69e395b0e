"""``python -m covsearch``."""

from covsearch.cli import main

main()
