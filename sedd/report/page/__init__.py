"""HTML pages: one for each run, a comparison of runs, and an index of all runs and tables."""
