"""Waiting and other actors, for a serial actor: each call waits, and the actor with it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Iterator, Optional

from .. import _host, _payload
from .._peers import DRAW_ITEMS, begin_wait
from . import http

__all__ = ["ask", "http", "sleep", "stream", "tell"]


def sleep(seconds: float) -> None:
    """Waits."""
    host = _host.serial("sleep")
    call = begin_wait()
    host.system.sleep(host.wire.milliseconds(seconds))
    call.check()


def ask(
    target: str,
    method: str,
    /,
    *args: Any,
    timeout: Optional[float] = None,
    idempotency_key: Optional[str] = None,
    **kwargs: Any,
) -> Any:
    """Asks another actor and waits for its answer: see `pulsing_guest.ask`."""
    host = _host.serial("ask")
    call = begin_wait()
    payload = host.wire.payload(_payload.encode_args(args, kwargs))
    options = host.wire.options(timeout, idempotency_key)
    try:
        answer = host.system.ask(call.id, target, method, payload, options)
    except host.wire.Err as error:
        call.check()
        host.wire.raise_call_error(error.value)
    call.check()
    return _payload.decode(host.wire.pair(answer))


def tell(
    target: str,
    method: str,
    /,
    *args: Any,
    idempotency_key: Optional[str] = None,
    **kwargs: Any,
) -> None:
    """Puts a message into another actor's mailbox, waiting for room where it is full."""
    host = _host.serial("tell")
    call = begin_wait()
    payload = host.wire.payload(_payload.encode_args(args, kwargs))
    try:
        host.system.tell(target, method, payload, idempotency_key)
    except host.wire.Err as error:
        call.check()
        host.wire.raise_runtime_error(error.value)


class stream:
    """Another actor's stream, for ``for``. It is opened when the first item is asked for, and closed at its end, by
    `close`, at the end of ``with``, and when nobody holds it any more."""

    def __init__(
        self,
        target: str,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        idempotency_key: Optional[str] = None,
        resume_after: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        self._host = _host.serial("stream")
        payload = self._host.wire.payload(_payload.encode_args(args, kwargs))
        options = self._host.wire.options(timeout, idempotency_key)
        self._request = (target, method, payload, resume_after, options)
        self._id: Optional[int] = None
        self._items: list[Any] = []
        self._is_over = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while not self._items:
            if self._is_over:
                raise StopIteration
            self._draw()
        return _payload.decode(self._host.wire.pair(self._items.pop()))

    def _draw(self) -> None:
        host, call = self._host, begin_wait()
        try:
            if self._id is None:
                self._id = host.system.stream_open(call.id, *self._request)
            batch = host.system.stream_next(self._id, DRAW_ITEMS)
        except host.wire.Err as error:
            self.close()
            call.check()
            host.wire.raise_call_error(error.value)
        # Taken from the end, which costs nothing.
        self._items = batch.items[::-1]
        if batch.done:
            self._id, self._is_over = None, True
        call.check()

    def close(self) -> None:
        """Gives it up."""
        id, self._id, self._is_over = self._id, None, True
        self._items = []
        if id is not None:
            self._host.system.stream_close(id)

    def __enter__(self) -> stream:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_id", None) is not None:
            self.close()
