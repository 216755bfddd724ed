"""Payments at card terminals."""
