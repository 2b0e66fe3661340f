"""One module per kind of result: its path, its record, and the settings that it depends on. No torch."""
