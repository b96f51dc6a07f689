"""The public HTTP API and the admin listener: parse, ask an operation, answer. Every refusal is a problem document."""
