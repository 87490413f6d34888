"""From YAML text to a sound document: read, validated, its layers fitted to one another."""
