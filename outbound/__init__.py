"""The only way out: which addresses may be reached, and the guarded client."""
