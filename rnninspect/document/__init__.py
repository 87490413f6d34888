"""From YAML text to a sound document: every value has its place, its type and its range."""
