"""What a build is held to: budgets, the lock, and the findings where a model breaks them."""
