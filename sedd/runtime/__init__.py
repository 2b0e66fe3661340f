"""Services that any long-running program needs: atomic files, seeds, provenance, progress, devices, ranks, resumable work."""
