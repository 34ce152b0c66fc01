"""Waiting and other actors, for a serial actor: each call waits, and the actor with it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Iterator, Optional

from .. import _host, _lower, _payload
from .._peers import DRAW_ITEMS, begin_wait, begin_watch
from . import http

__all__ = ["ask", "http", "sleep", "stream", "tell", "watch"]


def sleep(seconds: float) -> None:
    """Waits."""
    host = _host.serial("sleep")
    call = begin_wait()
    host.system.sleep(_lower.milliseconds(seconds, "seconds"))
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
    to, asked = _lower.text(target, "target"), _lower.text(method, "method")
    payload = host.wire.payload(_payload.encode_args(args, kwargs))
    options = host.wire.options(timeout, idempotency_key)
    try:
        answer = host.system.ask(call.id, to, asked, payload, options)
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
    to, told = _lower.text(target, "target"), _lower.text(method, "method")
    payload = host.wire.payload(_payload.encode_args(args, kwargs))
    key = _lower.optional_text(idempotency_key, "idempotency_key")
    try:
        host.system.tell(to, told, payload, key)
    except host.wire.Err as error:
        call.check()
        host.wire.raise_runtime_error(error.value)


class stream:
    """Another actor's stream, for ``for``. It is opened when the first item is asked for, and closed at its end, by
    `close`, at the end of ``with``, and when nobody holds it any more."""

    _id: Optional[int] = None
    _items: list[Any] = []
    _is_over = False

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
        to, asked = _lower.text(target, "target"), _lower.text(method, "method")
        payload = self._host.wire.payload(_payload.encode_args(args, kwargs))
        after = _lower.optional_number(resume_after, "resume_after", _lower.MAX_U64)
        options = self._host.wire.options(timeout, idempotency_key)
        self._request = (to, asked, payload, after, options)

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
        self.close()


class watch(stream):
    """The ends of another actor's lives, for ``for``: see `pulsing_guest.watch`."""

    def __init__(self, target: str, /) -> None:
        self._host = _host.serial("watch")
        self._id = begin_watch(self._host, target)
