"""Everything of paymux on a virtual clock, from a seed: the gateway, its banks, its apps, and what goes wrong."""
