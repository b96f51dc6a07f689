"""The client of the paymux payout gateway."""

from paymux_client import calls, models
from paymux_client.callbacks import CallbackEvent, CallbackRefused, verify
from paymux_client.client import AsyncClient, Client
from paymux_client.errors import BadAnswer, NoAnswer, PaymuxError, Refused
from paymux_client.keys import Ed25519Key, HmacKey, Key, TestKey
from paymux_client.retries import Retries
from paymux_client.talk import World

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "CallbackEvent",
    "CallbackRefused",
    "Client",
    "Ed25519Key",
    "HmacKey",
    "Key",
    "NoAnswer",
    "PaymuxError",
    "Refused",
    "Retries",
    "TestKey",
    "World",
    "calls",
    "models",
    "verify",
]
