"""How a sale is paid, paid otherwise afterwards, or paid back."""
