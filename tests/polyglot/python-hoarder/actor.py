"""An actor that holds on to memory. No part of the scenarios."""

from pulsing_guest import actor


@actor
class Hoarder:
    def __init__(self) -> None:
        self._held: list[bytes] = []

    def hold(self, mib: int) -> int:
        """Holds so many MiB more, and answers how often it has."""
        self._held.append(bytes(mib << 20))
        return len(self._held)

    def cache(self, mib: int) -> int:
        """The same, and lets go of the oldest where there is no room."""
        try:
            return self.hold(mib)
        except MemoryError:
            self._held.pop(0)
            return self.hold(mib)
