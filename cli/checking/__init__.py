"""What `model-catalog check` is made of: files, findings, mending, reports."""
