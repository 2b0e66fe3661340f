"""Pages: a run, a comparison of runs, and the index."""
