"""Read, locate, override and write YAML, with the line of every problem."""
