"""How a method fails, in the classes that the host, the command line and other actors tell apart.

Several names are also those of builtins: import them by name where you mean these.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import Any, Iterator, Optional, Union

__all__ = [
    "BusinessError",
    "Cancelled",
    "Error",
    "RuntimeFailure",
    "SystemError",
    "TimeoutError",
    "UnsupportedError",
]

#: How many of the innermost frames of an error that nobody expected are written to the host's log.
TRACEBACK_FRAMES = 20


class Error(Exception):
    """Any of the classes below but `Cancelled`."""


class BusinessError(Error):
    """The caller's fault. It gets this back and must not simply try again; the actor goes on.

    ``code`` is a number that callers can match on: the HTTP status codes are a good choice. ``details`` is
    anything that is JSON.
    """

    def __init__(self, code: int, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class SystemError(Error):
    """The actor's own fault. ``recoverable``: another try may succeed. ``restart``: this life's state cannot be
    trusted, and the host ends it and restarts the actor as its policy says."""

    def __init__(self, message: str, recoverable: bool = True, restart: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.recoverable = recoverable
        self.restart = restart


class TimeoutError(Error):
    """Something took too long. It may yet take effect."""

    def __init__(self, operation: str, duration_ms: int) -> None:
        super().__init__(f"`{operation}` took longer than {duration_ms} ms")
        self.operation = operation
        self.duration_ms = duration_ms


class UnsupportedError(Error):
    """The actor does not have the method or the operation. ``nearest`` is the one that was probably meant."""

    def __init__(self, operation: str, nearest: Optional[str] = None) -> None:
        hint = f"; did you mean `{nearest}`?" if nearest else ""
        super().__init__(f"`{operation}` is not supported{hint}")
        self.operation = operation
        self.nearest = nearest


class Cancelled(BaseException):
    """The call was told to stop: its caller is gone, or its time is up. Raised by whatever waits then.

    No `Exception`, as ``asyncio.CancelledError`` is none: an ``except Exception`` around a wait lets it through.
    """

    def __init__(self, message: str = "cancelled") -> None:
        super().__init__(message)


class RuntimeFailure(Error):
    """The host could not bring a message to another actor, or its answer back.

    ``kind`` is ``actor-not-found``, ``actor-stopped``, ``actor-restarting`` (not handled: may be sent again),
    ``mailbox-full``, ``deadlock``, ``permission-denied``, ``message-too-large``, ``no-connection``, ``internal``, or
    another word of a host that is newer than this package: treat one that you do not know as ``internal``,
    unless ``retry_after_ms`` is given: then another try may succeed. That is when another try makes sense, where the
    host can tell.
    """

    RECOVERABLE = frozenset({"actor-restarting", "mailbox-full", "no-connection"})
    #: With `RECOVERABLE`, the kinds that this package knows.
    FINAL = frozenset({"actor-not-found", "actor-stopped", "deadlock", "permission-denied", "message-too-large",
                       "internal"})

    def __init__(self, kind: str, message: str, retry_after_ms: Optional[int] = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after_ms = retry_after_ms

    @property
    def recoverable(self) -> bool:
        """Whether another try may succeed."""
        if self.kind in self.RECOVERABLE:
            return True
        return self.kind not in self.FINAL and self.retry_after_ms is not None


def classify(error: BaseException) -> Union[Error, Cancelled]:
    """The class in which a caller gets ``error``: one of the five of an actor, never a `RuntimeFailure`."""
    if isinstance(error, BaseExceptionGroup):
        leaves = list(_leaves(error))
        # What a `TaskGroup` raises. Of several errors none stands for the others.
        if len(leaves) == 1 or all(isinstance(leaf, _CANCELLATIONS) for leaf in leaves):
            return classify(leaves[0])
    if isinstance(error, _CANCELLATIONS):
        return error if isinstance(error, Cancelled) else Cancelled()
    if isinstance(error, RuntimeFailure):
        return SystemError(error.message, recoverable=error.recoverable)
    if isinstance(error, Error):
        # A subclass of a user's may say it in its own way: `http.HttpError` does.
        as_error = getattr(error, "as_error", None)
        return as_error() if as_error is not None else error
    if isinstance(error, (ValueError, TypeError)):
        return BusinessError(400, text_of(error) or type(error).__name__)
    log(error)
    text = text_of(error)
    name = type(error).__name__
    return SystemError(f"{name}: {text}" if text else name)


_CANCELLATIONS = (Cancelled, asyncio.CancelledError)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The errors in a group, and in the groups in it."""
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop()
        if isinstance(error, BaseExceptionGroup):
            pending.extend(reversed(error.exceptions))
        else:
            yield error


def text_of(error: BaseException) -> str:
    """What an exception says of itself; one whose ``__str__`` fails says nothing."""
    try:
        return str(error)
    except BaseException:
        return ""


def log(error: BaseException) -> None:
    """Writes to the host's log where ``error`` came from. What goes wrong here is nobody's error."""
    try:
        traceback.print_exception(error, limit=-TRACEBACK_FRAMES, file=sys.stderr)
        sys.stderr.flush()
    except BaseException:
        pass
