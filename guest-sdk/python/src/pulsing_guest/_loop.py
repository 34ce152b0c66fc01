"""What componentize-py's event loop lacks, so that ``asyncio`` within one handler works, and nothing that a handler
leaves behind ends the actor.

| in the loop of componentize-py 0.25.1 | here |
|---|---|
| a cancelled future traps when the host answers | the answer is dropped |
| a handler that ends before a task that it made traps | its task of the component model goes on until that ends |
| an error in a task that nobody awaits traps | it is logged |
| there are no timers: `asyncio.sleep`, `asyncio.timeout` | they are the host's `sleep` |

A wait is never cancelled at the host, which traps too: the host itself cuts it short when its call ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import Any, Callable, Coroutine, Optional

import componentize_py_async_support as support

from . import _call, _host, _peers
from .errors import Cancelled, log

_loop: Any = asyncio.get_event_loop()


class _Future(asyncio.Future[Any]):
    def set_result(self, result: Any) -> None:
        if not self.cancelled():
            super().set_result(result)


class _Timer(asyncio.TimerHandle):
    """A callback at a time to come."""

    async def wait(self, ms: int) -> None:
        host = _host.overlapping("sleep")
        call = _call.call()
        await host.system.sleep(call.id, ms)
        # Cut short, it is early: whoever waits in that call is told to stop where it waits.
        if not self.cancelled() and not call.is_cancelled():
            self._run()


def prepare() -> None:
    """Once, while the component is built."""
    _loop.create_future = lambda: _Future(loop=_loop)
    _loop.create_task = _create_task
    _loop.call_exception_handler = _log_exception
    _loop.time = time.monotonic
    _loop.call_later = _call_later
    _loop.call_at = _call_at
    # Through a timer it would return early where the call is told to stop, and a loop around it never end.
    asyncio.sleep = _sleep


async def _sleep(delay: float, result: Any = None) -> Any:
    await _peers.sleep(delay)
    return result


def _create_task(
    work: Coroutine[Any, Any, Any],
    *,
    name: Optional[str] = None,
    context: Optional[contextvars.Context] = None,
    **options: Any,
) -> asyncio.Task[Any]:
    task = asyncio.Task(work, loop=_loop, name=name, context=context, **options)
    if context is None:
        # One beside the handler's own, which comes with a context, and which the loop counts itself.
        state = support._future_state.get()
        state.pending_count += 1
        task.add_done_callback(lambda _: _end_task(state))
    return task


def _end_task(state: Any) -> None:
    state.pending_count -= 1
    if state.pending_count == 0 and state.futures:
        support.spawn(_drain(state))


def _log_exception(context: dict[str, Any]) -> None:
    error = context.get("exception")
    # A task that is left behind is told to stop when its call has ended.
    if error is not None and not isinstance(error, Cancelled):
        log(error)


def _call_later(
    delay: float,
    callback: Callable[..., object],
    *args: Any,
    context: Optional[contextvars.Context] = None,
) -> asyncio.TimerHandle:
    context = context or contextvars.copy_context()
    timer = _Timer(time.monotonic() + delay, callback, args, _loop, context)
    ms = _host.overlapping("sleep").wire.milliseconds(delay)
    context.copy().run(support.spawn, timer.wait(ms))
    return timer


def _call_at(
    when: float,
    callback: Callable[..., object],
    *args: Any,
    context: Optional[contextvars.Context] = None,
) -> asyncio.TimerHandle:
    return _call_later(when - time.monotonic(), callback, *args, context=context)


def settle() -> None:
    """At the end of each export: keeps its task alive while the host still has something to answer."""
    state = support._future_state.get()
    if state.futures:
        support.spawn(_drain(state))


async def _drain(state: Any) -> None:
    """Waits for what nobody waits for any more."""
    while state.futures:
        waitable, future = next(iter(state.futures.items()))
        if future.cancelled():
            future = state.futures[waitable] = _loop.create_future()
        await asyncio.shield(future)


def spawn(work: Coroutine[Any, Any, Any]) -> None:
    """See `pulsing_guest.spawn`."""
    support.spawn(_beside(work))


async def _beside(work: Coroutine[Any, Any, Any]) -> None:
    _call.leave()
    try:
        await work
    except BaseException as error:
        log(error)
