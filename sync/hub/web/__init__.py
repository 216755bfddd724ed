"""Pages for customers: orders, carts, stores, their own data, cases. Without login, cookies or script."""
