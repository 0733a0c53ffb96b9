"""What CI jobs prove of themselves, and the tokens that they get for it."""
