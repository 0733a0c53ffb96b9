"""Bundles as jobs: asked for, scheduled, built by a worker, kept for a while, and written down."""
