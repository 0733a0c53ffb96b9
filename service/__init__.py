"""The catalog service: takes observations in, answers questions."""
