"""Bundles for risk reviews as their readers hold them: is one whole, and what differs in two."""
