"""How the client's modules are drawn from an OpenAPI document. Not part of the wheel."""
