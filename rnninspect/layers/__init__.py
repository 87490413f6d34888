"""One file for each layer kind, and what they share."""
