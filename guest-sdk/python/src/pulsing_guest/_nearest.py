"""The method that was probably meant."""

from __future__ import annotations

from typing import Iterable, Optional

#: Longer words are nobody's slip, and to compare them costs the square of their length.
NAME_MAX_CHARS = 64


def nearest(wanted: str, names: Iterable[str]) -> Optional[str]:
    """The one of ``names`` that differs from ``wanted`` by so few letters that it must be a slip: one in three,
    at most three."""
    if len(wanted) > NAME_MAX_CHARS:
        return None
    limit = min(max(len(wanted) // 3, 1), 3)
    best: Optional[str] = None
    for name in names:
        distance = _distance(wanted, name)
        if distance <= limit:
            # Only a nearer one takes the place.
            best, limit = name, distance - 1
    return best


def _distance(a: str, b: str) -> int:
    """How many letters are added, left out, changed or swapped with their neighbour."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
