"""How risky models are and what people decide about it: tiers, controls, reviews."""
