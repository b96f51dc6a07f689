"""The verbs: accept, advance, observe, deliver, cancel. Each loads, asks the core, acts, and saves."""
