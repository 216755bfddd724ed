"""The drawer and the business day, from the float to the Z."""
