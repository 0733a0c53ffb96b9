"""Entries: what the catalog knows, how it is selected and shown."""
