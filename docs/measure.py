"""Measures what docs/patterns.md says: `python3 docs/measure.py target/release/pulsing-host target/guests`.

Starts a host with the guests counter, mixed, rogue and large-file, and asks it over HTTP on loopback. Prints, for each
figure, the median of ROUNDS rounds and the lowest and highest. Needs Python 3, and nothing else.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7


class Connection:
    """One HTTP/1.1 connection that is kept."""

    def __init__(self, port):
        self.port = port

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def send(self, path, args=None, key=None):
        body = json.dumps([] if args is None else args)
        verb = "GET" if args is None else "POST"
        head = f"{verb} /v1/actors/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        head += f"Idempotency-Key: {key}\r\n\r\n" if key else "\r\n"
        self.writer.write((head + body).encode())
        return await self.reader.readuntil(b"\r\n\r\n")

    async def call(self, path, args=None, key=None):
        head = (await self.send(path, args, key)).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0]) if b"content-length" in head else 0
        body = await self.reader.readexactly(length)
        return int(head.split()[1]), body

    async def items(self, path, args):
        """The times at which the items of a stream come, from its beginning."""
        begun, times = time.perf_counter(), []
        await self.send(path, args)
        async for line in self.reader:
            if line.startswith(b"id: "):
                times.append(time.perf_counter() - begun)
            if line.startswith(b"event: "):
                return times, line.strip()


async def one_after_the_other(port, path, args, count):
    """Microseconds of each of `count` calls over one connection."""
    async with Connection(port) as connection:
        begun = time.perf_counter()
        for _ in range(count):
            status, _ = await connection.call(path, args)
            assert status < 300, status
        return (time.perf_counter() - begun) / count * 1e6


async def at_once(port, path, args, count):
    """Milliseconds until `count` calls over as many connections are answered."""
    connections = [await Connection(port).__aenter__() for _ in range(count)]
    begun = time.perf_counter()
    answers = await asyncio.gather(*(connection.call(path, args) for connection in connections))
    taken = (time.perf_counter() - begun) * 1e3
    for connection in connections:
        connection.writer.close()
    refused = sum(status != 200 for status, _ in answers)
    assert not refused, f"{refused} of {count} were refused"
    return taken


async def after_a_crash(port):
    """Milliseconds from the answer that tells of a crash to the next answer."""
    async with Connection(port) as connection:
        # A key of its own for each, since the host keeps out a message that has ended two lives.
        await connection.call("counter/ask/crash", [], key=f"crash-{time.monotonic_ns()}")
        begun = time.perf_counter()
        status, _ = await connection.call("counter/ask/get", [])
        assert status == 200, status
        return (time.perf_counter() - begun) * 1e3


async def show(name, unit, measure, rounds=ROUNDS):
    values = [await measure() for _ in range(rounds)]
    print(f"{name}: {statistics.median(values):.0f} {unit} ({min(values):.0f} to {max(values):.0f})", flush=True)


async def measure(port, folder):
    await show("ask, one after the other", "us", lambda: one_after_the_other(port, "counter/ask/increment", [1], 2000))
    await show("tell, one after the other", "us", lambda: one_after_the_other(port, "counter/tell/increment", [1], 2000))
    serial = lambda count: lambda: at_once(port, "rogue/ask/sleep", [50], count)
    overlapping = lambda count: lambda: at_once(port, "mixed/ask/fetch_from_db", ["x"], count)
    await show("20 waits of 50 ms, serial", "ms", serial(20))
    await show("tell to a handler of 50 ms", "us", lambda: one_after_the_other(port, "rogue/tell/sleep", [50], 20))
    for count in (1, 20, 200):
        await show(f"{count} waits of 50 ms, overlapping", "ms", overlapping(count))
    for index, name in ((0, "first"), (-1, "last")):
        async def item():
            async with Connection(port) as connection:
                times, _ = await connection.items("mixed/stream/process_large_dataset", ["d", 20, 50])
                return times[index] * 1e3
        await show(f"{name} of 20 items of 50 ms", "ms", item)
    await show("from a crash to the next answer", "ms", lambda: after_a_crash(port), rounds=5)
    await large_file(port, folder)


async def large_file(port, folder):
    with open(f"{folder}/large.txt", "w") as file:
        file.writelines(f"{n:->1023}\n" for n in range(256 << 10))
    begun = time.perf_counter()
    async with Connection(port) as connection:
        times, end = await connection.items("large-file/stream/process_large_file", ["/data/large.txt"])
    taken = time.perf_counter() - begun
    async with Connection(port) as connection:
        _, body = await connection.call("large-file")
    memory = json.loads(body)["memory_bytes"]
    print(f"256 MiB in {len(times)} lines: {taken:.1f} s, {memory / 2**20:.1f} MiB of memory, {end.decode()}")


def main(program, guests):
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{guests}/{name}.wasm" for name in ("counter", "mixed", "rogue", "large-file")]
        command = [program, "run", *files, "--listen", "127.0.0.1:0", "--dir", f"{folder}::/data:ro", "--log-level", "error"]
        host = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            port = int(host.stdout.readline().rsplit(":", 1)[1])
            for _ in files:
                assert host.stdout.readline().startswith("ready ")
            asyncio.run(measure(port, folder))
        finally:
            host.terminate()
            host.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
