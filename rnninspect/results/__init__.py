"""What each command shows: its tables and its JSON object side by side."""
