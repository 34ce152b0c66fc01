"""Locks, events and queues between handlers. Those of ``asyncio`` cannot wake another handler, which is a task of the
component model of its own: these do it through the host.
"""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any, Generic, Optional, TypeVar

from . import _host
from ._peers import begin_wait

T = TypeVar("T")

_last_key = 0


def next_key() -> int:
    """A key to be parked with that no other wait of this life has had."""
    global _last_key
    _last_key += 1
    return _last_key


class _Waiter:
    """One handler that waits to be woken."""

    __slots__ = ("is_woken", "key")

    def __init__(self) -> None:
        self.key = next_key()
        self.is_woken = False

    async def wait(self) -> None:
        host = _host.overlapping("wait")
        call = begin_wait()
        while not self.is_woken:
            try:
                await host.system.park(call.id, self.key)
            except BaseException:
                # A task that is cancelled leaves the wait behind, at the host: that must end too.
                host.system.unpark(self.key)
                raise
            if not self.is_woken:
                call.check()

    def wake(self) -> None:
        self.is_woken = True
        _host.overlapping("wake").system.unpark(self.key)


class Lock:
    """For ``async with``: what belongs together over an ``await``. Handlers get it in the order in which they asked."""

    def __init__(self) -> None:
        self._is_locked = False
        self._waiters: deque[_Waiter] = deque()

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._is_locked

    async def acquire(self) -> bool:
        """Waits for it."""
        if not self._is_locked:
            self._is_locked = True
            return True
        waiter = _Waiter()
        self._waiters.append(waiter)
        try:
            await waiter.wait()
        except BaseException:
            if waiter.is_woken:
                # It was handed over to a handler that was told to stop.
                self.release()
            else:
                self._waiters.remove(waiter)
            raise
        return True

    def release(self) -> None:
        """Hands it to who has waited longest."""
        if not self._is_locked:
            raise RuntimeError("the lock is not held")
        if self._waiters:
            self._waiters.popleft().wake()
        else:
            self._is_locked = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.release()


class Event:
    """Something that handlers wait for until another says that it has happened."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[_Waiter] = []

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """It has happened: all who wait go on, and nobody waits any more."""
        self._is_set = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.wake()

    def clear(self) -> None:
        """It is to happen again."""
        self._is_set = False

    async def wait(self) -> bool:
        """Waits for it."""
        if not self._is_set:
            waiter = _Waiter()
            self._waiters.append(waiter)
            try:
                await waiter.wait()
            finally:
                if not waiter.is_woken:
                    self._waiters.remove(waiter)
        return True


class QueueEmpty(Exception):
    """`Queue.get_nowait` found nothing."""


class QueueFull(Exception):
    """`Queue.put_nowait` found no room."""


class Queue(Generic[T]):
    """Items from handlers to handlers, the oldest first. At most ``maxsize`` wait in it; 0 is no limit but memory."""

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self._items: deque[T] = deque()
        self._getters: deque[_Waiter] = deque()
        self._putters: deque[_Waiter] = deque()

    def qsize(self) -> int:
        """How many items there are."""
        return len(self._items)

    def empty(self) -> bool:
        """Whether there are none."""
        return not self._items

    def full(self) -> bool:
        """Whether there is no room."""
        return 0 < self.maxsize <= len(self._items)

    async def put(self, item: T) -> None:
        """Waits for room."""
        while self.full():
            await _turn(self._putters, self.full)
        self.put_nowait(item)

    def put_nowait(self, item: T) -> None:
        """Raises `QueueFull` where there is no room."""
        if self.full():
            raise QueueFull
        self._items.append(item)
        _wake_one(self._getters)

    async def get(self) -> T:
        """Waits for an item."""
        while not self._items:
            await _turn(self._getters, self.empty)
        return self.get_nowait()

    def get_nowait(self) -> T:
        """Raises `QueueEmpty` where there is none."""
        if not self._items:
            raise QueueEmpty
        item = self._items.popleft()
        _wake_one(self._putters)
        return item


async def _turn(line: deque[_Waiter], must_wait: Any) -> None:
    waiter = _Waiter()
    line.append(waiter)
    try:
        await waiter.wait()
    except BaseException:
        if not waiter.is_woken:
            line.remove(waiter)
        elif not must_wait():
            # What this one was woken for is still there.
            _wake_one(line)
        raise


def _wake_one(line: deque[_Waiter]) -> None:
    if line:
        line.popleft().wake()
