"""Who may do what: tokens, capabilities, policies."""
