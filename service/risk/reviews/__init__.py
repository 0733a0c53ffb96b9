"""Reviews of versions: when they are needed, who may decide, and on what a decision rests."""
