"""What the office and the other channels look at: tasks and events."""
