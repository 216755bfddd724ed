"""Orders: what customers collect, what is sent to them, what is made or put aside for them; and the way each one takes in a store."""
