"""Lineage: events of others on the way in, and what leads where on the way out."""
