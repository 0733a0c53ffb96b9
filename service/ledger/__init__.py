"""The change ledger: one row for everything that changed, with who and from what evidence."""
