"""The stock ledger: movements, counts, what follows from them, reservations, transfers, deliveries, counts by people."""
