"""Programs around the gateway for trying it out: what an upstream app would be."""
