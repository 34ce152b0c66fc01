"""Write an actor for pulsing-host in Python: a class whose public methods are what it can be asked.

    from pulsing_guest import BusinessError, actor, on_tell, sleep

    @actor
    class Kitchen:
        def __init__(self):
            self.served = 0

        async def cook(self, meal: str, minutes: float = 10) -> str:
            "Cooks a meal: others are cooked meanwhile."
            if meal == "stone soup":
                raise BusinessError(404, "out of stones")
            await sleep(60 * minutes)
            self.served += 1
            return f"one {meal}"

        async def menu(self, courses: list[str]):
            "Serves course after course, as they are ready."
            for course in courses:
                await sleep(600)
                yield course

        @on_tell
        def complain(self, about: str):
            "Nobody waits for this to be done."
            print("somebody did not like the", about)

The component is built with ``python -m pulsing_guest.build kitchen.py -o kitchen.wasm --wit WIT``.
"""

from __future__ import annotations

from . import blocking, http
from ._actor import actor, on_tell, resumes
from ._call import Call, call, config, generation, key, name
from ._peers import ask, sleep, spawn, stream, tell, watch
from ._waiting import Event, Lock, Queue, QueueEmpty, QueueFull
from .errors import (
    BusinessError,
    Cancelled,
    Error,
    RuntimeFailure,
    SystemError,
    TimeoutError,
    UnsupportedError,
)

__version__ = "0.2.0"

__all__ = [
    "BusinessError",
    "Call",
    "Cancelled",
    "Error",
    "Event",
    "Lock",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "RuntimeFailure",
    "SystemError",
    "TimeoutError",
    "UnsupportedError",
    "actor",
    "ask",
    "blocking",
    "call",
    "config",
    "generation",
    "http",
    "key",
    "name",
    "on_tell",
    "resumes",
    "sleep",
    "spawn",
    "stream",
    "tell",
    "watch",
]
