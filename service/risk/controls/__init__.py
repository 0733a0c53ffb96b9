"""Checks that need no people: packs of expressions, what they read, what they found."""
