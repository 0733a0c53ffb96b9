"""What the catalog tells other systems: events, kept until every receiver has taken them."""
