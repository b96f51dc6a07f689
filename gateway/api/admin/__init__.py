"""The admin API: what people do, on the admin listener, each with a token of their own (docs/operations.md)."""
