"""The same work in Pulsing, the Python framework that this host's promises come from.

Run by `cargo xtask bench pulsing`. Reads what is to be measured, a line each, and prints a number for each: `ask SECS` the
middle time in nanoseconds, `tell COUNT` and `stream COUNT` how many in a second. Runs on one core: it is faster there.
"""

import asyncio
import os
import sys
import time

import pulsing
from pulsing.core.remote import _wrap_call

TEXT = "0123456789ab"


@pulsing.remote
class Echo:
    def __init__(self):
        self.told = 0

    def say(self, text):
        return text

    def note(self, text):
        self.told += 1

    def count(self):
        return self.told

    async def items(self, count):
        for _ in range(count):
            yield TEXT


async def ask(echo, secs):
    took = []
    end = time.perf_counter() + secs
    while time.perf_counter() < end:
        begun = time.perf_counter_ns()
        await echo.say(TEXT)
        took.append(time.perf_counter_ns() - begun)
    return sorted(took)[len(took) // 2]


async def tell(echo, count):
    # A proxy only asks: this is what it would send.
    message = _wrap_call("note", (TEXT,), {}, False)
    before = await echo.count()
    begun = time.perf_counter()
    for _ in range(int(count)):
        await echo.ref.tell(message)
    while await echo.count() < before + count:
        pass
    return count / (time.perf_counter() - begun)


async def stream(echo, count):
    begun = time.perf_counter()
    items = 0
    async for _ in echo.items(int(count)):
        items += 1
    assert items == count
    return count / (time.perf_counter() - begun)


async def main():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    await pulsing.init()
    echo = await Echo.spawn(name="echo")
    for line in sys.stdin:
        what, number = line.split()
        measure = {"ask": ask, "tell": tell, "stream": stream}[what]
        print(await measure(echo, float(number)), flush=True)
    await pulsing.shutdown()


asyncio.run(main())
