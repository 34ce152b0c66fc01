"""What the export `describe` returns: `wit/describe.md` says which members it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

from . import _lower

if TYPE_CHECKING:
    from ._actor import Actor
    from ._methods import Method

#: The host refuses a description that is larger, or has more methods.
MAX_BYTES = 1 << 20
MAX_METHODS = 1024
_POLICIES = ("never", "on_failure", "always")


def restart(
    policy: Optional[str],
    max_restarts: Optional[int],
    min_backoff_ms: Optional[int],
    max_backoff_ms: Optional[int],
) -> dict[str, Any]:
    """How an actor wants to be restarted, without what it leaves to the host.

    Raises a `TypeError` or a `ValueError` that names the argument.
    """
    if policy is not None and policy not in _POLICIES:
        known = ", ".join(f'"{each}"' for each in _POLICIES)
        raise ValueError(f"`restart` must be one of {known}, not {policy!r}")
    _lower.optional_number(max_restarts, "`max_restarts`", _lower.MAX_U32)
    _lower.optional_number(min_backoff_ms, "`min_backoff_ms`", _lower.MAX_NUMBER)
    _lower.optional_number(max_backoff_ms, "`max_backoff_ms`", _lower.MAX_NUMBER)
    if min_backoff_ms is not None and max_backoff_ms is not None and min_backoff_ms > max_backoff_ms:
        raise ValueError(f"`min_backoff_ms` ({min_backoff_ms}) is more than `max_backoff_ms` ({max_backoff_ms})")
    said = {
        "policy": policy,
        "max_restarts": max_restarts,
        "min_backoff_ms": min_backoff_ms,
        "max_backoff_ms": max_backoff_ms,
    }
    return {name: value for name, value in said.items() if value is not None}


def description(actor: Actor) -> str:
    """The JSON of an actor.

    Raises a `ValueError` where the host would refuse it.
    """
    if len(actor.methods) > MAX_METHODS:
        raise ValueError(f"the actor has {len(actor.methods)} methods, which is more than {MAX_METHODS}")
    said: dict[str, Any] = {"methods": [_method(method) for method in actor.methods.values()]}
    if actor.restart:
        said["restart"] = actor.restart
    text = _lower.printable(json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    size = len(text.encode())
    if size > MAX_BYTES:
        raise ValueError(f"the description of the actor has {size} bytes, which is more than {MAX_BYTES}")
    return text


def _method(method: Method) -> dict[str, Any]:
    said = {
        "name": _lower.text(method.name, "a method's name"),
        "kind": method.kind,
        "doc": method.doc or None,
        "args": method.args_schema(),
        "answer": method.answer,
        "item": method.item,
    }
    return {name: value for name, value in said.items() if value is not None}
