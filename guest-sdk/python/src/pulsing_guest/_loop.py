"""What componentize-py's event loop lacks, so that ``asyncio`` works in handlers, and nothing that a handler leaves
behind ends the actor.

| in the loop of componentize-py 0.25.1 | here |
|---|---|
| a cancelled future traps when the host answers | the answer is dropped |
| a handler that ends before a task that it made traps | its task of the component model goes on until that ends |
| an error in a task that nobody awaits traps | it is logged |
| `SystemExit` in a task or in a callback traps | whoever awaits the task gets it; a callback's is logged |
| there are no timers: `asyncio.sleep`, `asyncio.timeout` | they are the host's `sleep` |
| a handler traps that waits for what is not the host's, such as a task of another handler | it is parked at the host |

A handler is a task of the component model, with a `_FutureState` of its own: what is ready to run, and what it waits
for at the host. One that is resumed by another handler has to be woken through the host: it is parked for that where it
waits for nothing else, or where another has tasks of which it may be waiting for one.

A wait is never cancelled at the host, which traps too: the host itself cuts it short when its call ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import Any, Callable, Coroutine, Optional

import componentize_py_async_support as support

from . import _call, _host, _lower, _peers, _waiting
from .errors import Cancelled, log

_loop: Any = asyncio.get_event_loop()
_poll_handles: Callable[[Any], None] = _loop.poll
_state_of = support._future_state
#: The state whose handles run just now. None too while the host's answer is passed on to one whose handles run next.
_running: Any = None
#: Whether an export runs that has no state, so that no handles run next.
_is_bare = False
#: How many tasks there are that handlers made.
_tasks_made = 0


class _Future(asyncio.Future[Any]):
    def set_result(self, result: Any) -> None:
        if not self.cancelled():
            super().set_result(result)


class _Handle(asyncio.Handle):
    """A callback. Nothing leaves it: it would end the life."""

    __slots__ = ()

    def _run(self) -> None:
        try:
            super()._run()
        except BaseException as error:
            # `SystemExit` and `KeyboardInterrupt`. A task keeps its own for whoever awaits it.
            if not isinstance(getattr(self._callback, "__self__", None), asyncio.Task):
                log(error)


class _Timer(asyncio.TimerHandle):
    """A callback at a time to come."""

    __slots__ = ()

    async def wait(self, ms: int) -> None:
        host = _host.overlapping("sleep")
        call = _call.call()
        await host.system.sleep(call.id, ms)
        # Cut short, it is early: whoever waits in that call is told to stop where it waits.
        if not self.cancelled() and not call.is_cancelled():
            try:
                self._run()
            except BaseException as error:
                log(error)


def prepare() -> None:
    """Once, while the component is built."""
    _loop.poll = _poll
    _loop.call_soon = _call_soon
    _loop.create_future = lambda: _Future(loop=_loop)
    _loop.create_task = _create_task
    _loop.call_exception_handler = _log_exception
    _loop.time = time.monotonic
    _loop.call_later = _call_later
    _loop.call_at = _call_at
    # Told by a timer that is cancelled. What it waits for at the host runs on.
    _loop._timer_handle_cancelled = lambda timer: None
    # Through a timer it would return early where the call is told to stop, and a loop around it never end.
    asyncio.sleep = _sleep


async def _sleep(delay: float, result: Any = None) -> Any:
    await _peers.sleep(delay)
    return result


def _home(context: contextvars.Context) -> Any:
    """The state of the handler to which ``context`` belongs. One that belongs to none, or to one that has ended, is the
    running handler's from now on."""
    state = context.get(_state_of)
    if state is None or state.pending_count == 0:
        state = _state_of.get() if _running is None else _running
        context.run(_state_of.set, state)
    return state


def _call_soon(
    callback: Callable[..., object],
    *args: Any,
    context: Optional[contextvars.Context] = None,
) -> asyncio.Handle:
    if context is None:
        context = contextvars.copy_context()
    # An ended handler's state is as good as any for what has nothing to wait for, and nobody runs it.
    state = context.get(_state_of) or _state_of.get()
    if state.pending_count == 0 and _running is not None:
        state = _running
    handle = _Handle(callback, args, _loop, context)
    state.handles.append(handle)
    if state is not _running and (_running is not None or _is_bare):
        _wake(state)
    return handle


def _create_task(
    work: Coroutine[Any, Any, Any],
    *,
    name: Optional[str] = None,
    context: Optional[contextvars.Context] = None,
    **options: Any,
) -> asyncio.Task[Any]:
    global _tasks_made
    if getattr(work, "cr_code", None) is support._return_result.__code__ and context is not None:
        # The handler's own, which the loop counts itself.
        state = context[_state_of]
        state.context, state.parked, state.made = context, None, 0
        task = asyncio.Task(work, loop=_loop, name=name, context=context, **options)
        state.tasks = {task: context}
        return task
    if context is None:
        context = contextvars.copy_context()
    state = _home(context)
    task = asyncio.Task(work, loop=_loop, name=name, context=context, **options)
    state.pending_count += 1
    if getattr(work, "cr_code", None) is support._wrap_spawned.__code__:
        # Nobody awaits it.
        task.add_done_callback(lambda _: _end_one(state), context=context)
        return task
    state.made += 1
    _tasks_made += 1
    state.tasks[task] = context
    task.add_done_callback(lambda _: _end_task(state, task), context=context)
    return task


def _end_task(state: Any, task: asyncio.Task[Any]) -> None:
    global _tasks_made
    _tasks_made -= 1
    state.made -= 1
    state.tasks.pop(task, None)
    _end_one(state)


def _end_one(state: Any) -> None:
    state.pending_count -= 1
    if state.pending_count == 0 and state.futures:
        support.spawn(_drain(state))


def _poll(state: Any) -> None:
    """Runs what is ready in one handler, and sees to it that something wakes it if it is not done."""
    _run_handles(state)
    if state.parked is not None:
        # Where nothing but the parking is left, or nothing else that the host will cut short.
        if state.pending_count == 1 or (len(state.futures) == 1 and _stopped(state)):
            _wake(state)
        return
    # Each turn parks, or cancels a task for the first time, so there is an end.
    # With nothing at the host to wait for, the loop of componentize-py traps.
    while state.pending_count > 0 and (not state.futures or _tasks_made > state.made) and state.parked is None:
        state.parked = _waiting.next_key()
        state.pending_count += 1
        asyncio.Task(_park(state), loop=_loop, context=state.context)
        _run_handles(state)


def _run_handles(state: Any) -> None:
    global _running
    before, _running = _running, state
    try:
        _poll_handles(state)
    finally:
        _running = before


async def _park(state: Any) -> None:
    try:
        stopped = _stopped(state)
        if stopped and not state.futures:
            # What these wait for is not the host's, which cuts short no more than its own. Once: one that goes on all
            # the same is left alone.
            for task in stopped:
                del state.tasks[task]
                task.cancel()
            return
        # Within a call that is told to stop it would return at once.
        waiting = [_call.of(context).id for task, context in state.tasks.items() if task not in stopped]
        within = next((id for id in waiting if id != _call.NO_CALL), _call.NO_CALL)
        await _host.overlapping("wait").system.park(within, state.parked)
    except BaseException as error:
        log(error)
    finally:
        state.parked = None
        _end_one(state)


def _stopped(state: Any) -> list[asyncio.Task[Any]]:
    """The tasks whose call is told to stop."""
    return [task for task, context in state.tasks.items() if _call.of(context).is_cancelled()]


def _wake(state: Any) -> None:
    if getattr(state, "parked", None) is not None:
        _host.overlapping("wake").system.unpark(state.parked)


def run_bare(function: Callable[..., None], *args: Any) -> None:
    """For an export that is not ``async``."""
    global _is_bare
    _is_bare = True
    try:
        function(*args)
    finally:
        _is_bare = False


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
    if context is None:
        context = contextvars.copy_context()
    _home(context)
    timer = _Timer(time.monotonic() + delay, callback, args, _loop, context)
    ms = _lower.milliseconds(delay, "the delay")
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
    state = _state_of.get()
    if state.futures:
        support.spawn(_drain(state))


async def _drain(state: Any) -> None:
    """Waits for what nobody waits for any more."""
    while state.futures:
        # One that is parked waits for this.
        _wake(state)
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
