"""What is given to the host, looked at first: componentize-py traps, which ends the life, where text has no UTF-8 or a
number does not fit. So a wrong value is an exception here.
"""

from __future__ import annotations

from typing import Any, Optional

#: 2^53-1: the largest number that every guest language carries unharmed.
MAX_NUMBER = (1 << 53) - 1
MAX_U32 = (1 << 32) - 1
MAX_U64 = (1 << 64) - 1


def text(value: Any, what: str) -> str:
    """``value`` as text that has UTF-8. ``what`` it is names it in the error."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # Said without the text: half a surrogate pair cannot be sent in an error either.
        raise ValueError(f"{what} has half a surrogate pair at {error.start}") from None
    return value


def optional_text(value: Any, what: str) -> Optional[str]:
    """The same, or none."""
    return None if value is None else text(value, what)


def number(value: Any, what: str, maximum: int) -> int:
    """``value`` as a whole number from 0 to ``maximum``."""
    # A bool is an int to Python, and not to the host.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} must be a whole number, not {type(value).__name__}")
    if not 0 <= value <= maximum:
        # One of thousands of digits has no text, and none is worth it.
        given = value if abs(value) <= MAX_U64 else "a number that is far outside"
        raise ValueError(f"{what} must be from 0 to {maximum}, not {given}")
    return value


def optional_number(value: Any, what: str, maximum: int) -> Optional[int]:
    """The same, or none."""
    return None if value is None else number(value, what, maximum)


def milliseconds(seconds: Any, what: str) -> int:
    """Whole milliseconds, rounded up, so that a short wait does not become none. Less than none is none, as to
    ``asyncio``: it is what is left of a time that has passed."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"{what} must be a number of seconds, not {type(seconds).__name__}")
    if seconds != seconds:
        raise ValueError(f"{what} must be a number of seconds, not NaN")
    if seconds <= 0:
        return 0
    if seconds >= MAX_NUMBER / 1000:
        return MAX_NUMBER
    return -int(-seconds * 1000 // 1)


def optional_milliseconds(seconds: Any, what: str) -> Optional[int]:
    """The same, or none."""
    return None if seconds is None else milliseconds(seconds, what)


def printable(value: Any) -> str:
    """Text of an error or a description, which must be said whatever it holds."""
    return str(value).encode("utf-8", "replace").decode()
