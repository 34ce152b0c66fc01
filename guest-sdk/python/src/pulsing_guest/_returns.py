"""Return hints, as JSON Schema of what a method returns and of the items that it makes.

Read apart from `_types`, since nothing checks what goes out: a dataclass may be one of a subclass with more fields, and
every field is there, also one with a default. What a hint does not say for certain is left out.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from typing import Any, Optional, Union

from . import _types
from ._types import Schema

#: What a method that makes items may be said to return.
STREAMS = (
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.Generator,
    collections.abc.Iterator,
)
_PLAIN: dict[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    dict: {"type": "object"},
}
_MISSING: Any = object()
#: What may stand around a `NotRequired`; Python 3.13 has the second.
_WRAPPERS = (typing.Annotated, getattr(typing, "ReadOnly", typing.Annotated))
#: The JSON encoder takes objects of these for what they are, whatever else they are.
_JSON_TYPES = (str, int, float, list, tuple, dict)
#: The classes that are being read just now: one may hold others of its own kind.
_reading: set[type] = set()


def answer(known: dict[str, Any]) -> Optional[Schema]:
    """The schema of what a method returns; none where nothing can be said."""
    return _said(known.get("return", _MISSING))


def item(known: dict[str, Any]) -> Optional[Schema]:
    """The same of the items that it makes."""
    hint = known.get("return", _MISSING)
    args = typing.get_args(hint)
    makes_items = typing.get_origin(hint) in (*STREAMS, collections.abc.Iterable)
    return _said(args[0]) if makes_items and args else None


def _said(hint: Any) -> Optional[Schema]:
    schema = True if hint is _MISSING else _read(hint)
    return None if schema is True else schema


def _read(hint: Any) -> Schema:
    """The schema of a hint; True where any JSON may be."""
    try:
        plain = _PLAIN.get(hint)
    except TypeError:
        plain = None
    if plain is not None:
        return plain
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, tuple, dict) and not args:
        return _PLAIN[origin]
    if origin is list:
        return {"type": "array", "items": _read(args[0])}
    if origin is tuple:
        return _tuple(args)
    if origin is dict:
        return {"type": "object", "additionalProperties": _read(args[1])}
    if origin is Union or origin is types.UnionType:
        return _union(args)
    if origin is typing.Literal:
        return _values([_types.wire_value(each) for each in args])
    if origin is typing.Annotated:
        return _read(args[0])
    return _class(hint) if isinstance(hint, type) else True


def _tuple(args: tuple[Any, ...]) -> Schema:
    if len(args) == 2 and args[1] is ...:
        return {"type": "array", "items": _read(args[0])}
    # Of a length that is not known, as `tuple[int, *Rest]`.
    if any(typing.get_origin(each) is typing.Unpack or getattr(each, "__unpacked__", False) for each in args):
        return {"type": "array"}
    parts = [_read(each) for each in args]
    return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}


def _union(hints: tuple[Any, ...]) -> Schema:
    parts = [_read(hint) for hint in hints]
    if any(part is True for part in parts):
        return True
    others = [part for part in parts if part != {"type": "null"}]
    if len(others) == 1 and len(parts) > 1:
        return _types.nullable(others[0])
    return {"anyOf": parts}


def _values(values: list[Any]) -> Schema:
    return {"enum": values} if all(_types.is_json(value) for value in values) else True


def _class(kind: type) -> Schema:
    if issubclass(kind, enum.Enum):
        # Flags have more values than members.
        return True if issubclass(kind, enum.Flag) else _values([each.value for each in kind])
    if kind in _reading:
        return True
    _reading.add(kind)
    try:
        if typing.is_typeddict(kind):
            return _typed_dict(kind)
        if dataclasses.is_dataclass(kind) and not issubclass(kind, _JSON_TYPES):
            return _dataclass(kind)
    finally:
        _reading.discard(kind)
    return True


def _dataclass(kind: type) -> Schema:
    known = _types.hints(kind)
    names = [each.name for each in dataclasses.fields(kind)]
    properties = {name: _read(known.get(name, Any)) for name in names}
    return {"type": "object", "properties": properties, "required": names}


def _typed_dict(kind: Any) -> Schema:
    known = _types.hints(kind)
    marked = _types.hints(kind, include_extras=True)
    # With `from __future__ import annotations` Python itself overlooks a `NotRequired`.
    required = [name for name in known if name in kind.__required_keys__ and not _is_not_required(marked[name])]
    properties = {name: _read(hint) for name, hint in known.items()}
    return {"type": "object", "properties": properties, "required": required}


def _is_not_required(hint: Any) -> bool:
    while typing.get_origin(hint) in _WRAPPERS:
        hint = typing.get_args(hint)[0]
    return typing.get_origin(hint) is typing.NotRequired
