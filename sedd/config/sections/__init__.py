"""One file per section of an experiment's YAML: its keys and their rules."""
