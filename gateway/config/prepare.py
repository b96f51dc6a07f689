"""The secrets of a configuration that is about to be used: minted where a sandbox needs it, then looked up."""

from __future__ import annotations

from gateway.config.config import Config
from gateway.config.mint import mint_sandbox_secrets
from gateway.config.resolve import ResolvedSecrets, resolve_secrets


def prepare_secrets(config: Config) -> ResolvedSecrets:
    """Mint what a sandbox needs, then look every secret up.

    Raises:
        ConfigError: whatever is missing or malformed, all at once.
    """
    if config.sandbox:
        mint_sandbox_secrets(config)
        for part in config.channels.values():
            mint = config.adapters[part.adapter].mint
            if mint is not None:
                mint(config.state_dir / "sandbox" / part.adapter)
    return resolve_secrets(config)
