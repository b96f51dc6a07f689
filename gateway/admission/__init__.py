"""How much may come in, and whose turn it is: pure rules on a clock that is handed in (docs/operations.md)."""
