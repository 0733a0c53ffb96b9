"""Policies and packs as data with versions: stored, previewed, put in force, rated again."""
