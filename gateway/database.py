"""Which database a configuration means, and how it is opened: a file, or a PostgreSQL that other nodes may share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gateway.admission.commit_wait import Pressure
from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.config.resolve import DATABASE, address
from gateway.config.shapes import postgres_address
from gateway.domain.errors import StoreUnavailable
from gateway.sealing import Sealer
from gateway.secret import Secret, SecretError
from gateway.store.lease_time import by_database
from gateway.store.port import Store
from gateway.store.sqlite import SqliteStore, upgrade_file
from gateway.store.wakes import Alone, Wakes
from gateway.world import World

if TYPE_CHECKING:  # the driver of PostgreSQL is an extra
    from sqlalchemy import URL


class OpenStore(Store, Protocol):
    """A store with a writer."""

    @property
    def pressure(self) -> Pressure:
        """How the writer stands."""
        ...


NEEDS_DRIVER = "a PostgreSQL takes the extra `postgres`: pip install 'paymux[postgres]'"


def place_of(config: Config) -> Path | URL:
    """Where the database is.

    Raises:
        ConfigError: the address of the PostgreSQL is named by a secret that is missing or no address.
        StoreUnavailable: the driver is not installed.
    """

    def look_up(_loc: object, reference: str) -> Secret:
        try:
            return config.resolver()(reference)
        except SecretError as error:
            raise ConfigError([config.fault(DATABASE, str(error))]) from error

    found = address(config, look_up)
    if found is None:
        return config.database_path
    try:
        return _parsed(postgres_address(found))
    except ValueError as error:
        raise ConfigError([config.fault(DATABASE, str(error))]) from error


def open_store(config: Config, postgres: Secret | None, sealer: Sealer, world: World) -> tuple[OpenStore, Wakes]:
    """The store of the configuration, and the way to the other nodes on it; `postgres` is its address, if it is one.

    Raises:
        StoreUnavailable: see the stores.
    """
    mode = str(config.gateway.mode)
    if postgres is None:
        return SqliteStore.open_file(config.database_path, sealer, mode, world.clock.monotonic), Alone()
    url = _parsed(postgres)
    from gateway.store.postgres import PostgresStore
    from gateway.store.postgres_wakes import PostgresWakes

    store = PostgresStore.open_url(url, sealer, mode, by_database(world.clock.now), world.clock.monotonic)
    return store, PostgresWakes(url, world.clock.monotonic)


def upgrade(config: Config) -> tuple[str | None, str | None]:
    """Bring the database to the newest schema: its revision before and after.

    Raises:
        ConfigError, StoreUnavailable: as `place_of`, and what the stores say.
    """
    place, mode = place_of(config), str(config.gateway.mode)
    if isinstance(place, Path):
        return upgrade_file(place, mode)
    from gateway.store.postgres import upgrade_database

    return upgrade_database(place, mode)


def _parsed(postgres: Secret) -> URL:
    try:
        from gateway.store.postgres_engine import parse_url
    except ImportError as error:
        raise StoreUnavailable(NEEDS_DRIVER) from error
    return parse_url(postgres.text())
