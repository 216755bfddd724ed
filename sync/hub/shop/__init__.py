"""The shop in every channel: the hub's ledger and its API. What each room holds: docs/hub-api.md."""
