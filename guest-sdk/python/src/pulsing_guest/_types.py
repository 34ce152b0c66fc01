"""Type hints, as checks of arguments and as JSON Schema.

A dataclass and an `Enum` are made of the JSON that they have. What has no JSON form that is worth a check (another
class of the user's, a `TypeVar`) lets everything through.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import math
import sys
import types
import typing
from typing import Any, Callable, Union

#: Gives the value to pass on, or raises `Mismatch`.
Check = Callable[[Any], Any]
Schema = Union[bool, dict[str, Any]]


class Mismatch(Exception):
    """The value is of another type."""


def anything(value: Any) -> Any:
    """The check of a hint that says nothing."""
    return value


def given(value: Any) -> str:
    """A JSON value in the words of an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    if isinstance(value, str):
        short = value if len(value) <= 80 else value[:80] + "…"
        return f'string "{short}"'
    return "sequence" if isinstance(value, list) else "map"


def _mismatch(value: Any, expected: str) -> Mismatch:
    return Mismatch(f"invalid type: {given(value)}, expected {expected}")


def _integer(value: Any) -> Any:
    # A bool is an int to Python, and not to JSON.
    if type(value) is int:
        return value
    raise _mismatch(value, "an integer")


def _number(value: Any) -> Any:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Mismatch("the number is too large") from None
    raise _mismatch(value, "a number")


def _scalar(kind: type, expected: str) -> Check:
    def check(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise _mismatch(value, expected)

    return check


_PLAIN: dict[Any, tuple[Check, Schema]] = {
    int: (_integer, {"type": "integer"}),
    float: (_number, {"type": "number"}),
    str: (_scalar(str, "a string"), {"type": "string"}),
    bool: (_scalar(bool, "a boolean"), {"type": "boolean"}),
    None: (_scalar(type(None), "null"), {"type": "null"}),
    type(None): (_scalar(type(None), "null"), {"type": "null"}),
    list: (_scalar(list, "a list"), {"type": "array"}),
    dict: (_scalar(dict, "an object"), {"type": "object"}),
}


#: The dataclasses that are being read just now: one may hold others of its own kind.
_reading: dict[type, list[Check]] = {}


def hints(of: Any, include_extras: bool = False) -> dict[str, Any]:
    """The type hints of a function or a class, as far as they can be read here."""
    try:
        return typing.get_type_hints(of, include_extras=include_extras)
    except Exception:
        pass
    # One that only a type checker can read says nothing, and the others what they say.
    known: dict[str, Any] = {}
    for holder in reversed(of.__mro__) if isinstance(of, type) else [inspect.unwrap(of)]:
        for name, hint in _annotations(holder).items():
            try:
                known[name] = _resolve(hint, holder, include_extras)
            except Exception:
                known.pop(name, None)
    return known


def _annotations(holder: Any) -> dict[str, Any]:
    try:
        import annotationlib  # type: ignore[import-not-found]
    except ImportError:
        return dict(getattr(holder, "__annotations__", {}))
    # From Python 3.14 on they are code, which runs here.
    return dict(annotationlib.get_annotations(holder, format=annotationlib.Format.FORWARDREF))


def _resolve(hint: Any, holder: Any, include_extras: bool) -> Any:
    def one() -> None: ...

    one.__annotations__ = {"it": hint}
    names = getattr(holder, "__globals__", None) or vars(sys.modules[holder.__module__])
    return typing.get_type_hints(one, names, include_extras=include_extras)["it"]


def read(hint: Any) -> tuple[Check, Schema]:
    """The check and the schema of a type hint."""
    plain = _PLAIN.get(hint) if _is_hashable(hint) else None
    if plain is not None:
        return plain
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is list and args:
        return _list(args[0])
    if origin is dict and args:
        return _dict(args[1])
    if origin is Union or origin is types.UnionType:
        return _union(args)
    if origin is typing.Literal:
        return _variants([(wire_value(each), each) for each in args])
    if origin is typing.Annotated:
        return read(args[0])
    if isinstance(hint, type):
        if dataclasses.is_dataclass(hint):
            return _dataclass(hint)
        if issubclass(hint, enum.Enum):
            return _variants([(each.value, each) for each in hint])
    return anything, True


def admits_none(hint: Any) -> bool:
    """Whether the hint has a place for null: such an argument may be left out."""
    if hint is None or hint is type(None):
        return True
    origin = typing.get_origin(hint)
    return origin in (Union, types.UnionType) and type(None) in typing.get_args(hint)


def _is_hashable(hint: Any) -> bool:
    try:
        hash(hint)
    except TypeError:
        return False
    return True


def _list(item: Any) -> tuple[Check, Schema]:
    check_item, schema = read(item)

    def check(value: Any) -> Any:
        if type(value) is not list:
            raise _mismatch(value, "a list")
        return value if check_item is anything else [check_item(each) for each in value]

    return check, {"type": "array", "items": schema}


def _dict(item: Any) -> tuple[Check, Schema]:
    check_item, schema = read(item)

    def check(value: Any) -> Any:
        if type(value) is not dict:
            raise _mismatch(value, "an object")
        if check_item is anything:
            return value
        return {name: check_item(each) for name, each in value.items()}

    return check, {"type": "object", "additionalProperties": schema}


def _union(hints: tuple[Any, ...]) -> tuple[Check, Schema]:
    members = [hint for hint in hints if hint is not type(None)]
    parts = [read(hint) for hint in members]
    has_none = len(members) < len(hints)
    checks = [check for check, _ in parts]
    if len(checks) == 1:
        check, schema = parts[0]
        return (_or_none(check), nullable(schema)) if has_none else parts[0]

    def check_any(value: Any) -> Any:
        if value is None and has_none:
            return value
        failure: Mismatch | None = None
        for check in checks:
            try:
                return check(value)
            except Mismatch as error:
                failure = error
        raise Mismatch(f"invalid type: {given(value)}") from failure

    schemas: list[Schema] = [schema for _, schema in parts]
    if any(schema is True for schema in schemas):
        return check_any, True
    return check_any, {"anyOf": schemas + ([{"type": "null"}] if has_none else [])}


def _or_none(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def nullable(schema: Schema) -> Schema:
    """The schema of the same, or null."""
    if isinstance(schema, bool):
        return schema
    kind = schema.get("type")
    if isinstance(kind, str):
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def wire_value(value: Any) -> Any:
    """What stands in JSON for a value of a `Literal`."""
    return value.value if isinstance(value, enum.Enum) else value


def is_json(value: Any) -> bool:
    """Whether JSON has the value, of a `Literal` or an `Enum`."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) in (str, int, bool, type(None))


def _variants(pairs: list[tuple[Any, Any]]) -> tuple[Check, Schema]:
    """What JSON has, each with the value that it stands for."""
    if not all(is_json(wire) for wire, _ in pairs):
        return anything, True

    def check(value: Any) -> Any:
        for wire, meant in pairs:
            # 1 == True to Python.
            if value == wire and type(value) is type(wire):
                return meant
        known = ", ".join(f"`{wire}`" for wire, _ in pairs)
        raise Mismatch(f"unknown variant {given(value)}, expected one of {known}")

    return check, {"enum": [wire for wire, _ in pairs]}


def _dataclass(kind: type) -> tuple[Check, Schema]:
    if kind in _reading:
        # Of its own kind: by then it is read.
        later = _reading[kind]
        return lambda value: later[0](value), True
    later = _reading[kind] = []
    try:
        known = hints(kind)
        fields = {each.name: each for each in dataclasses.fields(kind) if each.init}
        parts = {name: read(known.get(name, Any)) for name in fields}
    finally:
        del _reading[kind]
    required = [name for name, each in fields.items() if _is_required(each)]

    def check(value: Any) -> Any:
        if type(value) is not dict:
            raise _mismatch(value, f"an object, for `{kind.__name__}`")
        for name in required:
            if name not in value:
                raise Mismatch(f"field `{name}` is missing")
        try:
            return kind(**{name: _field(parts, name, each) for name, each in value.items()})
        except (TypeError, ValueError) as error:
            # Of its `__post_init__`.
            raise Mismatch(f"`{kind.__name__}`: {error}") from None

    later.append(check)
    return check, {
        "type": "object",
        "properties": {name: schema for name, (_, schema) in parts.items()},
        "required": required,
        "additionalProperties": False,
    }


def _is_required(each: dataclasses.Field[Any]) -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def _field(parts: dict[str, tuple[Check, Schema]], name: str, value: Any) -> Any:
    part = parts.get(name)
    if part is None:
        raise Mismatch(f"unknown field `{name}`")
    try:
        return part[0](value)
    except Mismatch as error:
        raise Mismatch(f"field `{name}`: {error}") from None
