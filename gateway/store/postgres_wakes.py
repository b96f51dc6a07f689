"""Wakes by LISTEN and NOTIFY, on a session and a thread of their own.

Not in the transactions that change something: NOTIFY takes a lock of the whole database until its COMMIT is through,
and would put all nodes' commits in one row. Here it is a statement that writes nothing, sent after the commit, and few
of them: what is told again within a moment is told once.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import psycopg
import structlog
from sqlalchemy import URL

from gateway.store.postgres_engine import NETWORK
from gateway.store.wakes import Ring, Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CHANNEL = "paymux_wakes"
EVERY_S = {Wake.PAYOUTS: 0.02, Wake.CALLBACKS: 0.25, Wake.OVERRIDES: 0.25}
"""How often each may be told: every node that hears it asks the store once."""
AGAIN_S = 1.0
"""How long after a session that failed the next is opened."""
LOOK_S = 30.0
"""A session that nothing comes by is tried so often: it may be dead."""


class PostgresWakes:
    """`gateway.store.wakes.Wakes` through the database that the nodes share."""

    def __init__(self, url: URL, clock: Callable[[], float] = monotonic) -> None:
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._clock = clock
        self._wanted: set[Wake] = set()
        self._not_before_s = dict.fromkeys(Wake, 0.0)
        self._stopping = False
        self._lock = threading.Lock()
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)
        self._thread: threading.Thread | None = None

    def start(self, ring: Ring) -> None:
        self._thread = threading.Thread(target=self._work, args=(ring,), name="paymux-wakes", daemon=True)
        self._thread.start()

    def tell(self, wake: Wake) -> None:
        with self._lock:
            known = wake in self._wanted
            self._wanted.add(wake)
        if not known:
            self._nudge()

    def close(self) -> None:
        self._stopping = True
        self._nudge()
        if self._thread is not None:
            self._thread.join()
        self._inside.close()
        self._outside.close()

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: then it is awake already
            self._outside.send(b"!")

    def _work(self, ring: Ring) -> None:
        while not self._stopping:
            try:
                with psycopg.connect(self._address, autocommit=True, **NETWORK) as session:
                    session.execute(f"LISTEN {CHANNEL}")
                    for wake in Wake:  # whatever was told while nobody listened
                        ring(wake)
                    self._serve(session, ring)
            except psycopg.Error as error:
                log.warning("store.wakes_lost", error=type(error).__name__)
                self._wait(None, AGAIN_S)

    def _serve(self, session: psycopg.Connection[Any], ring: Ring) -> None:
        own = session.info.backend_pid
        while not self._stopping:
            if not self._wait(session, self._next_s()):
                session.execute("SELECT 1")
            for wake in self._due():
                session.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(wake)))
            for note in session.notifies(timeout=0):
                if note.pid != own and note.payload in EVERY_S:
                    ring(Wake(note.payload))

    def _wait(self, session: psycopg.Connection[Any] | None, longest_s: float) -> bool:
        """Until somebody tells or is told something, or that long. Whether anything was to be waited for."""
        watched: list[Any] = [self._inside] if session is None else [self._inside, session]
        ready, _, _ = select.select(watched, [], [], longest_s)
        if self._inside in ready:
            self._inside.recv(4096)
        return bool(ready) or longest_s < LOOK_S

    def _next_s(self) -> float:
        with self._lock:
            wanted = [self._not_before_s[wake] for wake in self._wanted]
        return max(min(wanted) - self._clock(), 0.0) if wanted else LOOK_S

    def _due(self) -> list[Wake]:
        now_s = self._clock()
        with self._lock:
            due = [wake for wake in self._wanted if self._not_before_s[wake] <= now_s]
            self._wanted.difference_update(due)
        for wake in due:
            self._not_before_s[wake] = now_s + EVERY_S[wake]
        return due
