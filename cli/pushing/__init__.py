"""What a build says of itself, of what it made and of where that was deployed."""
