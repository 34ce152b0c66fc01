"""What the host offers, once the component's entry module has bound it.

The bindings (`wit_world`) exist only inside a component. So nothing here imports them, and an actor's module can be
imported, and its plain methods called, under any Python.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Optional

World = Literal["overlapping", "serial"]


class Host(NamedTuple):
    """The bindings of one world."""

    world: World
    #: `async_system` or `system`.
    system: Any
    #: `async_http` or `http`.
    http: Any
    http_types: Any
    #: `_wire`, which needs the bindings itself.
    wire: Any


_bound: Optional[Host] = None


def bind(host: Host) -> None:
    """Called by the entry module, while the component is built."""
    global _bound
    _bound = host


def is_bound() -> bool:
    """Whether this runs inside a component."""
    return _bound is not None


def overlapping(what: str) -> Host:
    """The bindings, for ``what`` is awaited."""
    return _world("overlapping", what, f"`blocking.{what}`, which does not wait with `await`")


def serial(what: str) -> Host:
    """The bindings, for ``what`` blocks."""
    return _world("serial", f"blocking.{what}", f"`await {what}`, which lets other handlers run")


def either() -> Optional[Host]:
    """The bindings, if there are any."""
    return _bound


def _world(world: World, what: str, instead: str) -> Host:
    if _bound is None:
        raise RuntimeError(f"`{what}` needs a host: it works only inside a component")
    if _bound.world != world:
        raise RuntimeError(f"this actor is {_bound.world}: use {instead}")
    return _bound
