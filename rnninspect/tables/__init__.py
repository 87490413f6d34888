"""One file for each table: facts to typed cells, no text formatting."""
