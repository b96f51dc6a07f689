"""A process beside the gateway that makes its RSA signatures, on another core (`[gateway] signer = "process"`)."""
