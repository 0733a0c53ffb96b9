"""Rows on their way out: CSV and its cells."""
