"""Waiting and other actors, for an actor whose handlers overlap. `blocking` has the same for a serial one.

The host cuts each wait short when the call is told to stop; what waited then raises `Cancelled`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Coroutine, Optional

from . import _call, _host, _lower, _payload
from ._call import Call
from .errors import Cancelled

#: How many items are asked of another actor's stream at once: the size of the host's buffer for a stream, so that
#: one draw can empty it.
DRAW_ITEMS = 32


def begin_wait() -> Call:
    """The call that is about to wait. Raises `Cancelled` for a stream whose reader is gone."""
    call = _call.call()
    if call.closed:
        raise Cancelled
    call.waited = True
    return call


async def sleep(seconds: float) -> None:
    """Waits, and lets other handlers run."""
    host = _host.overlapping("sleep")
    call = begin_wait()
    await host.system.sleep(call.id, _lower.milliseconds(seconds, "seconds"))
    call.check()


async def ask(
    target: str,
    method: str,
    /,
    *args: Any,
    timeout: Optional[float] = None,
    idempotency_key: Optional[str] = None,
    **kwargs: Any,
) -> Any:
    """Asks another actor and waits for its answer, with arguments by position or by name.

    Raises what the other actor raised, in the same class, or a `RuntimeFailure`. ``timeout`` in seconds; what is left
    of the call that is being handled is a limit anyway.
    """
    host = _host.overlapping("ask")
    call = begin_wait()
    to, asked = _lower.text(target, "target"), _lower.text(method, "method")
    payload = host.wire.payload(_payload.encode_args(args, kwargs))
    options = host.wire.options(timeout, idempotency_key)
    try:
        answer = await host.system.ask(call.id, to, asked, payload, options)
    except host.wire.Err as error:
        call.check()
        host.wire.raise_call_error(error.value)
    call.check()
    return _payload.decode(host.wire.pair(answer))


async def tell(
    target: str,
    method: str,
    /,
    *args: Any,
    idempotency_key: Optional[str] = None,
    **kwargs: Any,
) -> None:
    """Puts a message into another actor's mailbox, waiting for room where it is full."""
    host = _host.overlapping("tell")
    call = begin_wait()
    to, told = _lower.text(target, "target"), _lower.text(method, "method")
    payload = host.wire.payload(_payload.encode_args(args, kwargs))
    key = _lower.optional_text(idempotency_key, "idempotency_key")
    try:
        await host.system.tell(call.id, to, told, payload, key)
    except host.wire.Err as error:
        call.check()
        host.wire.raise_runtime_error(error.value)
    call.check()


class stream:
    """Another actor's stream, for ``async for``. It is opened when the first item is asked for, and closed at its end,
    by `aclose`, at the end of ``async with``, and when nobody holds it any more.

    ``timeout`` is for the stream to begin; ``resume_after`` is the number of the last item that one has already.
    """

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
        self._host = _host.overlapping("stream")
        to, asked = _lower.text(target, "target"), _lower.text(method, "method")
        payload = self._host.wire.payload(_payload.encode_args(args, kwargs))
        after = _lower.optional_number(resume_after, "resume_after", _lower.MAX_U64)
        options = self._host.wire.options(timeout, idempotency_key)
        self._request = (to, asked, payload, after, options)

    def __aiter__(self) -> stream:
        return self

    async def __anext__(self) -> Any:
        while not self._items:
            if self._is_over:
                raise StopAsyncIteration
            await self._draw()
        return _payload.decode(self._host.wire.pair(self._items.pop()))

    async def _draw(self) -> None:
        host, call = self._host, begin_wait()
        try:
            if self._id is None:
                self._id = await host.system.stream_open(call.id, *self._request)
            batch = await host.system.stream_next(call.id, self._id, DRAW_ITEMS)
        except host.wire.Err as error:
            self._close()
            call.check()
            host.wire.raise_call_error(error.value)
        except BaseException:
            self._close()
            raise
        # Taken from the end, which costs nothing.
        self._items = batch.items[::-1]
        if batch.done:
            self._id, self._is_over = None, True
        call.check()

    def _close(self) -> None:
        id, self._id, self._is_over = self._id, None, True
        self._items = []
        if id is not None:
            self._host.system.stream_close(id)

    async def aclose(self) -> None:
        """Gives it up."""
        self._close()

    async def __aenter__(self) -> stream:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()


def begin_watch(host: Any, target: str) -> int:
    """Begins to watch an actor, and answers the number of the stream of its ends. Does not wait: so it is from now on,
    and not from the first item on."""
    call = begin_wait()
    try:
        return host.system.watch(_lower.text(target, "target"))
    except host.wire.Err as error:
        call.check()
        host.wire.raise_call_error(error.value)


class watch(stream):
    """The ends of another actor's lives, for ``async for``: from now on, each once, and the last is the end of the
    actor. Each is a ``dict`` with ``generation``, ``reason``, ``message`` (for people) and ``restarts`` (whether
    another life follows by itself). Closed as a `stream` is.

    ``reason`` is ``stopped``, ``killed``, ``restart-requested``, ``passivated``, ``trapped``, ``exited``,
    ``start-failed``, ``faulted``, ``forced`` or ``host-fault``.
    """

    def __init__(self, target: str, /) -> None:
        self._host = _host.overlapping("watch")
        self._id = begin_watch(self._host, target)


def spawn(work: Coroutine[Any, Any, Any]) -> None:
    """Begins work that goes on beside the handlers, and belongs to no call. An error in it is logged."""
    _host.overlapping("spawn")
    from . import _loop

    _loop.spawn(work)
