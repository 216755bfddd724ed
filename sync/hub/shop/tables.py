"""All tables of the shop's rooms, so that whoever compares them with the migrations sees them. Each room defines its own."""
