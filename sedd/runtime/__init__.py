"""Services for long-running programs: files, seeds, progress, devices, ranks."""
