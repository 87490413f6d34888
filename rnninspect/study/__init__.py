"""What a person studies of a model: its equations explained, verified, traced, and where gradients go."""
