"""Values as they go over the wire: JSON for everything that has a JSON form, the bytes themselves for ``bytes``.

A payload is a pair here: whether it is JSON, and its bytes.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Any

from ._args import loads
from .errors import SystemError

Payload = tuple[bool, bytes]


def _default(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")


# Made once: `json.dumps` with options makes an encoder each time.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)


def encode(value: Any, what: str) -> Payload:
    """A value to send; ``what`` it is names it in the error."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return False, bytes(value)
    try:
        return True, _ENCODER.encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SystemError(f"{what} is not JSON: {error}", recoverable=False) from None


def decode(payload: Payload) -> Any:
    """A value that came as the answer of another actor."""
    is_json, body = payload
    if not is_json:
        return body
    try:
        return loads(body) if body else None
    except ValueError as error:
        message = f"the answer is not what was asked for: {error}"
        raise SystemError(message, recoverable=False) from None


def encode_args(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Payload:
    """Arguments to send: by position, by name, or one ``bytes`` as it is."""
    if args and kwargs:
        raise TypeError("arguments go by position or by name, not both")
    if not args and not kwargs:
        return True, b""
    if len(args) == 1 and isinstance(args[0], (bytes, bytearray, memoryview)):
        return False, bytes(args[0])
    return encode(list(args) if args else kwargs, "the argument")
