"""One file per section of an experiment's YAML: its model, and the rules reported at its keys."""
