"""GitLab's pipelines and deployments, of a source of kind `gitlab`."""
