"""An API on whose door a test can press."""

from __future__ import annotations

from dataclasses import replace

from gateway.admission.commit_wait import Pressure
from gateway.admission.limits import IntakeLimits
from gateway.api.intake import Intake
from gateway.api.server import PUBLIC_STATE, public_app
from tests.support.api_server import CURSOR_KEY, ApiServer

AT_ONCE = IntakeLimits(pause_s=0.0)


class Crowd:
    """An API whose limits and whose store's pressure the test sets."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api
        self.pressure = Pressure()
        in_force = api.app[PUBLIC_STATE].in_force
        api.app = public_app(in_force, sandbox=True, cursor_key=CURSOR_KEY, pressure=lambda: self.pressure)
        self.limit(AT_ONCE)

    def limit(self, limits: IntakeLimits, notifications: int = 256) -> None:
        """From the next request on, as a reload does it."""
        in_force = self.api.app[PUBLIC_STATE].in_force
        doors = replace(in_force.snapshot.doors, intake=limits, notifications_max=notifications)
        in_force.snapshot = replace(in_force.snapshot, doors=doors)

    @property
    def intake(self) -> Intake:
        return self.api.app[PUBLIC_STATE].intake
