"""Figures for leadership, each with its parts and its list."""
