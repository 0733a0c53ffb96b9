"""The way in: harvests, observations, identity, absence."""
