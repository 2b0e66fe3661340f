"""HTML pages: one per run, a comparison of runs, and an index of runs and tables."""
