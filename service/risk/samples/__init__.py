"""Models of low risk that are reviewed by lot."""
