"""Serving platforms: what runs, whoever put it there."""
