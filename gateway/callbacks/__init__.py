"""Callbacks out: Standard Webhooks, signed, retried, never dropped."""
