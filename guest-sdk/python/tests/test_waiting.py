"""Locks, events and queues, on a host that is made of asyncio."""

import asyncio
import unittest

from pulsing_guest import Cancelled, Event, Lock, Queue, _call, _host
from pulsing_guest._call import Call


class System:
    """`park` and `unpark` as the host has them, and calls that can be told to stop."""

    def __init__(self):
        self.parked = {}
        self.cancelled = set()

    async def park(self, within, key):
        self.parked[key] = (within, asyncio.get_running_loop().create_future())
        # As at the host, what no longer waits here still does there.
        await asyncio.shield(self.parked[key][1])
        self.parked.pop(key, None)

    def unpark(self, key):
        if key in self.parked:
            self.parked.pop(key)[1].set_result(None)

    def is_cancelled(self, call):
        return call in self.cancelled

    def stop(self, call):
        self.cancelled.add(call)
        for within, parked in list(self.parked.values()):
            if within == call:
                parked.set_result(None)


async def handler(call, work):
    _call.enter(Call(call))
    return await work


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


class Waiting(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.system = System()
        _host.bind(_host.Host("overlapping", self.system, None, None, None))
        self.addCleanup(setattr, _host, "_bound", None)

    def begin(self, call, work):
        return asyncio.create_task(handler(call, work))

    async def test_a_lock_is_handed_over_in_the_order_of_asking(self):
        lock, order = Lock(), []

        async def locked(n):
            async with lock:
                order.append(n)
                await asyncio.sleep(0)

        await asyncio.gather(*(self.begin(n, locked(n)) for n in range(1, 6)))
        self.assertEqual(order, [1, 2, 3, 4, 5])
        self.assertFalse(lock.locked())

    async def test_a_handler_that_is_told_to_stop_leaves_the_line(self):
        lock = Lock()
        await lock.acquire()
        stopped, next_one = self.begin(1, lock.acquire()), self.begin(2, lock.acquire())
        await settled()
        self.system.stop(1)
        with self.assertRaises(Cancelled):
            await stopped
        lock.release()
        await next_one
        self.assertTrue(lock.locked())

    async def test_a_lock_that_is_handed_to_a_cancelled_task_goes_on_to_the_next(self):
        lock = Lock()
        await lock.acquire()
        dropped, next_one = self.begin(1, lock.acquire()), self.begin(2, lock.acquire())
        await settled()
        lock.release()
        dropped.cancel()
        await next_one
        self.assertTrue(lock.locked())

    async def test_an_event_wakes_all(self):
        event = Event()
        waiting = [self.begin(n, event.wait()) for n in (1, 2)]
        await settled()
        event.set()
        self.assertEqual(await asyncio.gather(*waiting), [True, True])
        self.assertTrue(await event.wait())

    async def test_a_queue_holds_as_many_as_it_may(self):
        queue = Queue(2)
        for n in (1, 2):
            await queue.put(n)
        third = self.begin(1, queue.put(3))
        await settled()
        self.assertEqual(queue.qsize(), 2)
        self.assertEqual([await queue.get() for _ in range(2)], [1, 2])
        await third
        self.assertEqual(await queue.get(), 3)

    async def test_an_item_is_not_lost_with_the_handler_that_was_woken_for_it(self):
        queue = Queue()
        dropped, next_one = self.begin(1, queue.get()), self.begin(2, queue.get())
        await settled()
        queue.put_nowait("x")
        dropped.cancel()
        self.assertEqual(await next_one, "x")

    async def test_a_cancelled_task_leaves_nothing_at_the_host(self):
        waiting = self.begin(0, Event().wait())
        await settled()
        self.assertEqual(len(self.system.parked), 1)
        waiting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await waiting
        self.assertEqual(self.system.parked, {})

    async def test_who_waits_for_nothing_more_is_told_so(self):
        queue = Queue()
        waiting = self.begin(1, queue.get())
        await settled()
        self.system.stop(1)
        with self.assertRaises(Cancelled):
            await waiting
        queue.put_nowait("x")
        self.assertEqual(queue.get_nowait(), "x")


if __name__ == "__main__":
    unittest.main()
