"""Waivers, exceptions, overrides and exemptions: asked by one, granted by another, until a day."""
