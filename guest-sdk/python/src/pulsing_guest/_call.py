"""The message that is being handled, and the life in which it is."""

from __future__ import annotations

import contextvars
from types import MappingProxyType
from typing import Any, Mapping, Optional

from . import _host
from .errors import Cancelled

#: Names no call: the host never cuts short what is done for it.
NO_CALL = 0
_NO_CONTEXT: Mapping[str, str] = MappingProxyType({})
#: Stands for what the host has not been asked for yet.
_UNASKED: Any = object()


class Call:
    """The call that the running code belongs to: in a stream, the one that opened it."""

    __slots__ = ("_caller", "_context", "closed", "id", "idempotency_key", "resume_after", "timeout", "waited")

    def __init__(
        self,
        id: int = NO_CALL,
        idempotency_key: Optional[str] = None,
        resume_after: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> None:
        #: A number that is this call's own for as long as this life of the actor.
        self.id = id
        #: Set by a caller that may send the same message twice.
        self.idempotency_key = idempotency_key
        #: The number of the last item that the reader of a stream has, where it takes one up again; the first item
        #: has the number 1. For methods marked `@resumes`: in all others the SDK skips the items up to it.
        self.resume_after = resume_after
        #: How long the caller waits, in seconds from the start of the handler; None where it waits without end.
        self.timeout = timeout
        #: Set when the reader of this stream is gone: nothing waits for it any more.
        self.closed = False
        #: Set when something was waited for.
        self.waited = False
        self._caller: Optional[str] = _UNASKED
        self._context: Mapping[str, str] = _UNASKED

    @property
    def caller(self) -> Optional[str]:
        """The actor that sent the message, as ``name`` or ``name:key``; None where no actor did. The host says so, and
        not the sender. It is asked when this is first read; once the call has ended there is None to ask for. Work
        begun by `spawn` belongs to no call: read this in the handler, and pass it on."""
        if self._caller is _UNASKED:
            host = self._bound_host()
            self._caller = None if host is None else host.system.caller(self.id)
        return self._caller

    @property
    def context(self) -> Mapping[str, str]:
        """What goes along with the call and with every call that is made from it, such as the identifiers of a trace;
        read-only. It comes from outside, and is not to be trusted. Asked for as `caller` is."""
        if self._context is _UNASKED:
            host = self._bound_host()
            entries = [] if host is None else host.system.context(self.id)
            said = {entry.name: entry.value for entry in entries}
            self._context = MappingProxyType(said) if said else _NO_CONTEXT
        return self._context

    def is_cancelled(self) -> bool:
        """Whether the caller is gone or its time is up. For handlers that work long without waiting: one that
        waits gets a `Cancelled` there."""
        if self.closed:
            return True
        host = self._bound_host()
        return host is not None and host.system.is_cancelled(self.id)

    def check(self) -> None:
        """Raises `Cancelled` where the call is told to stop."""
        if self.is_cancelled():
            raise Cancelled

    def _bound_host(self) -> Optional[_host.Host]:
        """The bindings, if there are any. None for what nobody called: it has no caller, and cannot be told to stop."""
        return None if self.id == NO_CALL else _host.either()


def of_message(message: Any) -> Call:
    """The call that a message of the host starts."""
    ms = message.remaining_ms
    return Call(
        message.call,
        message.idempotency_key,
        message.resume_after,
        None if ms is None else ms / 1000,
    )


_NONE = Call()
_current: contextvars.ContextVar[Call] = contextvars.ContextVar("pulsing_call", default=_NONE)


def call() -> Call:
    """The call that is being handled. In ``on_start`` and ``on_stop``, which nobody called, one with the number 0
    that has no deadline."""
    return _current.get()


def of(context: contextvars.Context) -> Call:
    """The call that runs in ``context``."""
    return context.get(_current, _NONE)


def enter(current: Call) -> None:
    """Makes ``current`` the call of this handler. Each handler of an overlapping actor has a context of its own."""
    _current.set(current)


def leave() -> None:
    """What runs next belongs to no call."""
    _current.set(_NONE)


class _This:
    """What the host said of this life."""

    name = ""
    key: Optional[str] = None
    generation = 0
    config: Any = None


this = _This()


def name() -> str:
    """The name under which this actor is reached, without its key."""
    return this.name


def key() -> Optional[str]:
    """Which of the actors of this name it is; None where the name has only one."""
    return this.key


def generation() -> int:
    """The number of this life: 0 for the first, one more with each restart."""
    return this.generation


def config() -> Any:
    """The configuration that the actor was started with; None where there is none."""
    return this.config
