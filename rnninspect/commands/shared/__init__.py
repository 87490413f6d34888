"""What the commands share: options, reading documents, proving them, printing, saying."""
