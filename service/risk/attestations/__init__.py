"""What owners confirm about their models, beside what harvests say against it."""
