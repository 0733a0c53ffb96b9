"""GitHub Actions and GitHub's deployments, of a source of kind `github`."""
