"""What was sold is found again, and comes back."""
