"""The routers that are compared: ours, and what others publish or use (docs/routing-lab.md)."""
