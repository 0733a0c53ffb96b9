"""Inbound webhooks: proved, stored, and then nothing but a hint that something may have changed."""
