"""The files for risk reviews: every row of a moment, in cells, from the tables as they stood."""
