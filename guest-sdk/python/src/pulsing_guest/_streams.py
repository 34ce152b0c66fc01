"""The streams that this actor has opened and that the host draws on, by number.

Nothing is made ahead: an item is asked of the generator when the host has room for it. A stream that ends or fails is
forgotten with the draw that says so.

| generator | one draw |
|---|---|
| ``def`` | as many items as the host asked for, or up to `BATCH_BYTES` of them, or up to one that was waited for |
| ``async def`` | one item |

An item that has been made is handed over before anything is waited for. Whether an async generator has to wait for its
next item shows only when it is waiting, bound to the draw in which it does: so it makes one item in each.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from . import _call
from ._call import Call
from ._host import World
from ._payload import Payload, encode
from .errors import Cancelled, Error, SystemError, classify, log

#: A draw that has this many bytes takes no further item: a quarter of the default of the actor's `message_max`.
BATCH_BYTES = 1 << 20
#: How many items are skipped between two looks at whether somebody still wants the stream.
SKIP_STEP = 1024
#: How often a generator that is closed may hand over to the event loop before it is given up.
CLOSE_STEPS = 1000

#: Items, and whether they are the last.
Batch = tuple[list[Payload], bool]


class Stream:
    """One open stream."""

    __slots__ = ("call", "failed", "is_async", "is_drawn", "skip", "source")

    def __init__(self, source: Any, call: Call, skip: int) -> None:
        self.is_async = hasattr(source, "__aiter__")
        self.source = aiter(source) if self.is_async else iter(source)
        #: The call that opened it.
        self.call = call
        #: How many items the reader already has.
        self.skip = skip
        #: What ends the stream at the next draw, because the items before it had to be handed over first.
        self.failed: Union[Error, Cancelled, None] = None
        #: Whether a draw waits for the next item just now.
        self.is_drawn = False

    def draw(self, max_items: int) -> Batch:
        """The next items of a generator that does not wait."""
        if self.failed is not None:
            raise self.failed
        items: list[Payload] = []
        size = 0
        try:
            self.call.waited = False
            while len(items) < max_items and size < BATCH_BYTES and not (items and self.call.waited):
                value = next(self.source, _END)
                if value is _END:
                    return items, True
                if self.skip > 0:
                    self._skip()
                    continue
                item = encode(value, "the item")
                size += len(item[1])
                items.append(item)
        except BaseException as error:
            self.close()
            if not items:
                raise
            self.failed = classify(error)
        return items, False

    async def draw_async(self) -> Batch:
        """The next item of a generator that may wait."""
        self.is_drawn = True
        try:
            while True:
                try:
                    value = await anext(self.source)
                except StopAsyncIteration:
                    return [], True
                if self.call.closed:
                    raise Cancelled
                if self.skip == 0:
                    return [encode(value, "the item")], False
                self._skip()
        except BaseException:
            await self._aclose()
            raise
        finally:
            self.is_drawn = False

    def _skip(self) -> None:
        self.skip -= 1
        if self.skip % SKIP_STEP == 0:
            self.call.check()

    async def _aclose(self) -> None:
        close = getattr(self.source, "aclose", None)
        if close is None:
            return
        try:
            await close()
        except Cancelled:
            pass
        except BaseException as error:
            log(error)

    def close(self) -> None:
        """Runs the generator's `finally`. Nothing can be waited for in it, since this may be `stream-close`, in which
        the component model forbids to wait: an SDK function that waits raises `Cancelled` there."""
        self.call.closed = True
        if self.is_drawn:
            # It waits in its draw, which the host lets return now, and which closes it then.
            return
        try:
            if self.is_async:
                _run(self._aclose())
            elif hasattr(self.source, "close"):
                self.source.close()
        except Cancelled:
            pass
        except BaseException as error:
            log(error)


_END = object()


def _run(coroutine: Any) -> None:
    """Runs a coroutine that has nothing to wait for."""
    for _ in range(CLOSE_STEPS):
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            return
        if waits_for is not None:
            break
    coroutine.close()


class Table:
    """The open streams of one life."""

    def __init__(self, world: World = "overlapping") -> None:
        self._world = world
        self._streams: dict[int, Stream] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, source: Any, call: Call, resumes: bool) -> int:
        """Keeps a stream under a number that no other stream of this life has had."""
        # The host numbers the items from 1: the number of the last one that the reader has is how many it has.
        stream = Stream(source, call, 0 if resumes else call.resume_after or 0)
        if stream.is_async and self._world == "serial":
            raise SystemError("an async generator needs an actor that is overlapping", recoverable=False)
        self._last_id += 1
        self._streams[self._last_id] = stream
        return self._last_id

    def draw(self, id: int, max_items: int) -> Batch:
        """A draw of a serial actor."""
        stream = self._enter(id)
        is_over = True
        try:
            batch = stream.draw(max(max_items, 1))
            is_over = batch[1]
            return batch
        finally:
            if is_over:
                self._streams.pop(id, None)

    async def draw_async(self, id: int, max_items: int) -> Batch:
        """A draw of an overlapping actor."""
        stream = self._enter(id)
        if not stream.is_async:
            return self.draw(id, max_items)
        is_over = True
        try:
            batch = await stream.draw_async()
            is_over = batch[1]
            return batch
        finally:
            if is_over:
                self._streams.pop(id, None)

    def close(self, id: int) -> None:
        """The reader is gone."""
        stream = self._streams.pop(id, None)
        if stream is not None:
            _call.enter(stream.call)
            stream.close()
            _call.leave()

    def close_all(self) -> None:
        """The actor stops."""
        for id in list(self._streams):
            self.close(id)

    def _enter(self, id: int) -> Stream:
        stream = self._streams.get(id)
        if stream is None:
            # The host has drawn past the end.
            raise SystemError(f"no stream {id} is open", recoverable=False)
        _call.enter(stream.call)
        return stream
