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
