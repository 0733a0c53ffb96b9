"""Repositories: read without a checkout, from any git server, GitHub or GitLab."""
