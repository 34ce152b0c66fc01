"""`_loop` on the event loop of componentize-py itself, with a host that is made here. Left out without componentize-py."""

import asyncio
import contextlib
import contextvars
import heapq
import importlib
import io
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path
from typing import Any

from pulsing_guest import BusinessError, Call, Cancelled, _call, _host
from pulsing_guest._streams import Table
from pulsing_guest.build import BuildError, componentize_py

WIT = Path(__file__).resolve().parents[3] / "wit"
SUPPORT = "componentize_py_async_support"


class Runtime(types.ModuleType):
    """`componentize_py_runtime`: tasks of the component model, and what they wait for."""

    def __init__(self):
        super().__init__("componentize_py_runtime")
        self.states, self.owners, self.results = {}, {}, {}
        self.task, self.last = None, 0

    def number(self):
        self.last += 1
        return self.last

    def waitable_set_new(self):
        return self.task

    def waitable_join(self, waitable, to):
        if to != 0:
            self.owners[waitable] = to

    def waitable_set_drop(self, owner):
        if owner in self.owners.values():
            raise AssertionError("a task that ended still waits for something")

    def subtask_drop(self, waitable):
        del self.owners[waitable]

    def context_set(self, state):
        self.states[self.task] = state

    def context_get(self):
        return self.states[self.task]

    def promise_get_result(self, _code, _promise):
        return None

    def call_task_return(self, task, _borrows, result):
        if task != self.task:
            raise AssertionError("a task answered for another")
        self.results[task] = result


class System:
    """`async-system`. Its time passes at once."""

    def __init__(self, runtime):
        self.runtime, self.now, self.due, self.parked, self.cancelled = runtime, 0, [], {}, set()

    async def sleep(self, within, ms):
        await self.begin(within, self.now + ms)

    async def park(self, within, key):
        await self.begin(within, None, key)

    async def begin(self, within, at, key=None):
        if within in self.cancelled:
            return
        waitable = self.runtime.number()
        if at is None:
            self.parked[key] = (within, waitable)
        else:
            heapq.heappush(self.due, (at, waitable, within))
        support = sys.modules[SUPPORT]
        await support.await_result(support.Err((waitable, None)))

    def unpark(self, key):
        _, waitable = self.parked.pop(key, (0, None))
        if waitable is not None:
            heapq.heappush(self.due, (self.now, waitable, 0))

    def is_cancelled(self, call):
        return call in self.cancelled

    def stop(self, call):
        self.cancelled.add(call)
        self.due = [(self.now if within == call else at, waitable, within) for at, waitable, within in self.due]
        heapq.heapify(self.due)
        for key in [key for key, (within, _) in self.parked.items() if within == call]:
            # Before all else that is cut short.
            heapq.heappush(self.due, (self.now - 1, self.parked.pop(key)[1], 0))


def setUpModule():
    try:
        program = componentize_py()
    except BuildError as error:
        raise unittest.SkipTest(str(error)) from None
    global loop, runtime, before
    before = asyncio.sleep, dict(sys.modules)
    runtime = Runtime()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--wit-path", WIT, "--world", "overlapping", "bindings", f"{folder}/made"]
        subprocess.run(command, check=True, capture_output=True)
        source = Path(folder, "made", SUPPORT, "__init__.py").read_text()
        found = types.ModuleType("componentize_py_types")
        exec(Path(folder, "made", "componentize_py_types.py").read_text(), vars(found))
    support = types.ModuleType(SUPPORT)
    sys.modules.update({"componentize_py_runtime": runtime, "componentize_py_types": found, SUPPORT: support})
    # Written for Python 3.12 and later.
    support.T = Any
    source = "from __future__ import annotations\n" + source.replace("await_result[T]", "await_result")
    exec(compile(source, SUPPORT, "exec", dont_inherit=True), vars(support))
    loop = importlib.import_module("pulsing_guest._loop")
    loop.prepare()


def tearDownModule():
    asyncio.sleep = before[0]
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)
    for name in set(sys.modules) - set(before[1]):
        del sys.modules[name]


class Loop(unittest.TestCase):
    def setUp(self):
        self.support = sys.modules[SUPPORT]
        self.system = System(runtime)
        _host.bind(_host.Host("overlapping", self.system, None, None, None))
        self.addCleanup(setattr, _host, "_bound", None)
        self.said = io.StringIO()
        said = contextlib.redirect_stderr(self.said)
        said.__enter__()
        self.addCleanup(said.__exit__, None, None, None)
        self.alive = set()

    def tearDown(self):
        self.run_host()
        self.assertEqual(self.alive, set(), "every task of the component model ends")
        self.assertEqual(loop._tasks_made, 0)

    def begin(self, work, call=0):
        """Begins a handler; answers the number of its task."""

        async def handler():
            _call.enter(Call(call))
            try:
                return await work
            except BaseException as error:
                raise self.support.Err(error) from None
            finally:
                loop.settle()

        task = runtime.number()
        self.alive.add(task)
        self.turn(task, lambda: self.support.first_poll(task, 0, handler()))
        return task

    def turn(self, task, work):
        runtime.task = task
        if work() == 0:
            self.alive.remove(task)
        runtime.task = None

    def run_host(self, until=float("inf")):
        """Lets the host answer what comes before ``until``."""
        while self.system.due and self.system.due[0][0] <= until:
            self.step()

    def step(self):
        at, waitable, _ = heapq.heappop(self.system.due)
        self.system.now = max(at, self.system.now)
        # A subtask that returned.
        self.turn(runtime.owners[waitable], lambda: self.support.callback(1, waitable, 2))

    def answer(self, task):
        result = runtime.results[task]
        if isinstance(result, self.support.Err):
            raise result.value
        return result.value

    def outcome(self, work, call=0):
        task = self.begin(work, call)
        while task not in runtime.results and self.system.due:
            self.step()
        return self.answer(task)

    def test_a_timer_that_is_cancelled_is_forgotten(self):
        async def in_time():
            async with asyncio.timeout(5):
                await asyncio.sleep(1)
            asyncio.get_running_loop().call_later(1, print, "late").cancel()
            return await asyncio.wait_for(asyncio.sleep(1, "x"), 5)

        self.assertEqual(self.outcome(in_time()), "x")

    def test_a_timeout_fires(self):
        async def late():
            async with asyncio.timeout(1):
                await asyncio.sleep(5)

        with self.assertRaises(TimeoutError):
            self.outcome(late())

    def test_an_exit_in_a_task_is_its_outcome(self):
        async def leave():
            await asyncio.sleep(1)
            sys.exit(3)

        async def gathers():
            await asyncio.gather(leave(), asyncio.sleep(2))

        with self.assertRaisesRegex(SystemExit, "3"):
            self.outcome(gathers())

    def test_an_exit_in_a_callback_is_logged(self):
        async def calls():
            asyncio.get_running_loop().call_soon(sys.exit, 4)
            asyncio.get_running_loop().call_later(1, sys.exit, 5)
            await asyncio.sleep(2)
            return "alive"

        self.assertEqual(self.outcome(calls()), "alive")
        self.assertIn("SystemExit: 4", self.said.getvalue())
        self.assertIn("SystemExit: 5", self.said.getvalue())

    def test_a_task_may_have_a_context_of_its_own(self):
        kept = []

        async def one():
            await asyncio.sleep(1)
            return 1

        async def begins(context):
            kept.append(contextvars.copy_context())
            return await asyncio.get_running_loop().create_task(one(), context=context)

        async def leaves_behind():
            asyncio.get_running_loop().create_task(one(), context=contextvars.copy_context())

        for context in (contextvars.copy_context(), contextvars.Context()):
            self.assertEqual(self.outcome(begins(context)), 1)
        # Of a handler that has ended.
        self.assertEqual(self.outcome(begins(kept[0])), 1)
        self.outcome(leaves_behind())

    def draws(self, generator):
        table = Table()
        number = table.open(generator, Call(7), False)
        while len(table):
            for _, item in self.outcome(table.draw_async(number, 1))[0]:
                yield item.decode()

    def test_a_task_of_one_draw_is_awaited_in_the_next(self):
        async def work(n, seconds=1):
            await asyncio.sleep(seconds)
            return n

        async def ahead():
            task = asyncio.create_task(work(0))
            for n in range(1, 4):
                yield await task
                task = asyncio.create_task(work(n))
            yield await asyncio.wait_for(task, 60)

        async def around():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(n, n)) for n in range(3)]
                for task in tasks:
                    yield await task

        self.assertEqual(list(self.draws(ahead())), ["0", "1", "2", "3"])
        self.assertEqual(list(self.draws(around())), ["0", "1", "2"])

    def test_a_wait_for_another_draws_task_ends_before_its_timeout(self):
        ended = []

        async def work():
            await asyncio.sleep(2)

        async def waits():
            task = asyncio.create_task(work())
            yield 1
            await asyncio.wait_for(task, 60)
            ended.append(self.system.now)
            yield 2

        self.assertEqual(list(self.draws(waits())), ["1", "2"])
        self.assertEqual(ended, [2000])

    def test_a_group_around_a_yield_says_at_its_end_that_a_task_failed(self):
        async def fails():
            raise BusinessError(402, "no")

        async def around():
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                yield 1

        drawn = self.draws(around())
        self.assertEqual(next(drawn), "1")
        with self.assertRaises(ExceptionGroup):
            next(drawn)

    def test_a_timeout_around_a_yield_never_fires(self):
        async def around():
            async with asyncio.timeout(1):
                yield 1
                await asyncio.sleep(5)
                yield 2

        self.assertEqual(list(self.draws(around())), ["1", "2"])

    def test_a_handler_is_woken_by_another(self):
        event = asyncio.Event()
        waiting = self.begin(event.wait())
        self.run_host()
        self.assertNotIn(waiting, runtime.results)

        async def sets():
            event.set()

        self.outcome(sets())
        self.run_host()
        self.assertTrue(self.answer(waiting))

    def test_a_stream_that_is_closed_wakes_a_handler(self):
        table, event = Table(), asyncio.Event()

        async def sets():
            try:
                yield 1
            finally:
                event.set()

        number = table.open(sets(), Call(4), False)
        self.outcome(table.draw_async(number, 1))
        waiting = self.begin(event.wait())
        loop.run_bare(table.close, number)
        self.run_host()
        self.assertTrue(self.answer(waiting))

    def test_a_handler_that_waits_for_nobody_is_told_to_stop(self):
        waiting = self.begin(asyncio.Event().wait(), call=5)
        self.run_host()
        self.system.stop(5)
        self.run_host()
        with self.assertRaises(asyncio.CancelledError):
            self.answer(waiting)

    def test_a_task_that_is_left_behind_ends_with_its_call(self):
        async def leaves():
            asyncio.create_task(asyncio.sleep(50))
            asyncio.create_task(asyncio.Event().wait())
            await asyncio.sleep(1)

        self.begin(leaves(), call=6)
        self.run_host(until=1000)
        self.assertEqual(len(self.alive), 1)
        self.system.stop(6)

    def test_a_handler_that_is_done_does_not_wait_for_the_tasks_of_others(self):
        async def works(seconds):
            await asyncio.create_task(asyncio.sleep(seconds))

        async def leaves():
            asyncio.create_task(asyncio.sleep(2))

        long = self.begin(works(60))
        self.begin(leaves())
        self.begin(works(2))
        self.run_host(until=3000)
        self.assertEqual(self.alive, {long})

    def test_a_task_that_is_left_behind_ends_with_its_call_beside_the_tasks_of_others(self):
        async def works():
            await asyncio.create_task(asyncio.sleep(60))

        async def leaves():
            for work in (asyncio.sleep(50), asyncio.Event().wait(), stubborn()):
                asyncio.create_task(work)
            await asyncio.sleep(1)

        async def stubborn():
            for _ in range(3):
                with contextlib.suppress(BaseException):
                    await asyncio.sleep(50)
            with contextlib.suppress(BaseException):
                await asyncio.Event().wait()

        long = self.begin(works())
        self.begin(leaves(), call=6)
        self.run_host(until=1000)
        self.system.stop(6)
        self.run_host(until=2000)
        self.assertEqual(self.alive, {long})

    def test_what_is_spawned_does_not_end_with_the_call(self):
        done = []

        async def work():
            event = asyncio.Event()

            async def sets():
                await asyncio.sleep(3)
                event.set()

            async with asyncio.TaskGroup() as group:
                group.create_task(event.wait())
                group.create_task(sets())
            done.append(self.system.now)

        async def spawns():
            loop.spawn(work())

        self.begin(spawns(), call=8)
        self.system.stop(8)
        self.run_host()
        self.assertEqual(done, [3000])

    def test_an_except_exception_lets_a_stop_through(self):
        async def swallows():
            try:
                await asyncio.sleep(50)
            except Exception:
                return "swallowed"

        waiting = self.begin(swallows(), call=9)
        self.system.stop(9)
        self.run_host()
        with self.assertRaises(Cancelled):
            self.answer(waiting)


if __name__ == "__main__":
    unittest.main()
