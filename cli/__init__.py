"""The one command, `model-catalog`."""
