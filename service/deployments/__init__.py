"""What runs without being accounted for, what is said to run and nobody sees, and decisions."""
