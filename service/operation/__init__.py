"""Running the catalog for years: whose turn it is, what is tidied up, what is let go."""
