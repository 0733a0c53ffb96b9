"""CI systems: what they built, from which commit, and what they deployed."""
