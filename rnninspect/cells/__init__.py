"""The equation language: text, its widths, its packing, its cost, its evaluation."""
