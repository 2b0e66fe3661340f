"""YAML without configuration models: read, override, validate and write, with a line per problem."""
