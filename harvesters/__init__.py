"""Harvesters read one kind of source each and yield observations; they know no service."""
