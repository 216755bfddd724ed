"""The stores of the chain, as customers and other channels see them."""
