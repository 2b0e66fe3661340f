"""One file per section of an experiment's YAML, named as the section."""
