"""The actor of the scenarios, with one handler at a time: see `tests/scenarios/README.md`."""

from typing import Any, Iterator, Optional

import pulsing_guest
from pulsing_guest import (
    BusinessError,
    Cancelled,
    SystemError,
    TimeoutError,
    UnsupportedError,
    actor,
    on_tell,
)
from pulsing_guest.blocking import ask, sleep, stream, tell


def failure(kind: str) -> BaseException:
    """An exception of each kind."""
    return {
        "business": BusinessError(402, "not enough money", {"balance": 3}),
        "system": SystemError("the disk is slow"),
        "fatal": SystemError("the disk is gone", recoverable=False),
        "timeout": TimeoutError("load", 1500),
        "unsupported": UnsupportedError("fly"),
        "cancelled": Cancelled(),
    }.get(kind) or Exception("a surprise")


def arguments(args: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments as they are to be passed on: by position or by name."""
    return ([], args) if isinstance(args, dict) else (args or [], {})


@actor
class Polyglot:
    def __init__(self) -> None:
        self._value = 0
        self._entries: list[Any] = []
        self._naps = 0
        self._most_naps = 0
        self._cut_short = 0
        self._guarded = 0
        self._closed = 0

    def echo(self, value: Any) -> Any:
        """Answers what it is given."""
        return value

    def length(self, text: str) -> int:
        return len(text)

    def increment(self, n: int = 1) -> int:
        """Adds `n` (1 if it is left out) and answers the new value."""
        self._value += n
        return self._value

    def value(self) -> int:
        return self._value

    @on_tell
    def log(self, entry: Any) -> None:
        self._entries.append(entry)

    def entries(self) -> list[Any]:
        return self._entries

    def validate(self, age: int) -> int:
        if age < 0:
            raise ValueError("age must not be negative")
        return age

    def fail(self, kind: str) -> None:
        raise failure(kind)

    def restart(self) -> None:
        raise SystemError("torn", restart=True)

    def spin(self) -> None:
        while True:
            pass

    def generation(self) -> int:
        return pulsing_guest.generation()

    def config(self) -> Any:
        return pulsing_guest.config()

    def name(self) -> str:
        return pulsing_guest.name()

    def key(self) -> Optional[str]:
        return pulsing_guest.key()

    def caller(self) -> Optional[str]:
        return pulsing_guest.call().caller

    def context(self) -> dict[str, str]:
        return dict(pulsing_guest.call().context)

    def nap(self, ms: int) -> int:
        self._naps += 1
        self._most_naps = max(self._most_naps, self._naps)
        try:
            sleep(ms / 1000)
        except Cancelled:
            self._cut_short += 1
            raise
        finally:
            self._naps -= 1
        return ms

    def naps(self) -> dict[str, int]:
        return {"most": self._most_naps, "cut_short": self._cut_short}

    def guarded(self, ms: int) -> int:
        # One handler runs at a time: that is the lock.
        number = self._guarded
        sleep(ms / 1000)
        self._guarded = number + 1
        return self._guarded

    def numbers(self, count: int) -> Iterator[int]:
        for number in range(count):
            yield number

    def slowly(self, count: int, ms: int):
        for number in range(count):
            sleep(ms / 1000)
            yield number

    def forever(self):
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            self._closed += 1

    def closed(self) -> int:
        return self._closed

    def breaks(self, after: int):
        for number in range(after):
            yield number
        raise BusinessError(409, "broken")

    def ask_peer(self, peer: str, method: str, args: Any) -> Any:
        by_position, by_name = arguments(args)
        return ask(peer, method, *by_position, **by_name)

    def tell_peer(self, peer: str, method: str, args: Any) -> None:
        by_position, by_name = arguments(args)
        tell(peer, method, *by_position, **by_name)

    def stream_peer(self, peer: str, method: str, args: Any, limit: int) -> list[Any]:
        by_position, by_name = arguments(args)
        kept: list[Any] = []
        with stream(peer, method, *by_position, **by_name) as items:
            while len(kept) < limit:
                try:
                    kept.append(next(items))
                except StopIteration:
                    break
        return kept
