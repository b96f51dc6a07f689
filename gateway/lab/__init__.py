"""The lab: routers against each other in simulated worlds, before one of them is trusted with money."""
