"""Archives: files that payouts are moved to, long after they have ended (docs/operations.md, "Archiving")."""
