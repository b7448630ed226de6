"""What was asked for: the recipe's schema, how it is read, resolved and explained."""
