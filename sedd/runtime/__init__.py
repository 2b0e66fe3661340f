"""Services for any long-running program: files, seeds, progress, devices, ranks, resumable work."""
