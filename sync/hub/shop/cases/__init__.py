"""Cases: a customer's question or wish about a receipt or an order, answered by the store's people; and the survey."""
