"""The loops that keep payouts and callbacks moving."""
