"""YAML files: read, override, validate and write, with the line of each problem."""
