"""A counter that remembers every value it has had."""

import os
import sys
from typing import NoReturn

from pulsing_guest import actor


@actor
class Counter:
    """The actor's state. It starts anew after each restart."""

    def __init__(self) -> None:
        self._value = 0
        self._history: list[int] = []

    # region: sync
    def increment(self, n: int = 1) -> int:
        """Adds `n` (1 if it is left out) and answers the new value."""
        self._value += n
        self._history.append(self._value)
        return self._value

    # endregion

    def get(self) -> int:
        """Answers the value."""
        return self._value

    def reset(self) -> None:
        """Goes back to zero and forgets the history."""
        self.__init__()

    def get_average(self) -> float:
        """Answers the average of all values since the last reset; 0 before the first."""
        return sum(self._history) / len(self._history) if self._history else 0.0

    def history(self) -> list[int]:
        """Answers all values since the last reset, the oldest first."""
        return self._history

    def crash(self) -> NoReturn:
        """Aborts: the host ends this life and starts the next one with a fresh counter."""
        print("told to crash", file=sys.stderr, flush=True)
        os.abort()
