"""What an actor's class says of its methods: names, kinds, arguments, summaries.

Read once, when the class is made. That is while the component is built, so a life begins with all of it.
"""

from __future__ import annotations

import collections.abc
import inspect
import json
import typing
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from . import _types

#: Public names that are hooks, and no methods.
HOOKS = frozenset({"on_start", "on_stop"})

_STREAMS = (
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.Generator,
    collections.abc.Iterator,
)


@dataclass(frozen=True)
class Parameter:
    """One argument of a method."""

    name: str
    check: _types.Check
    schema: _types.Schema
    has_default: bool
    is_required: bool
    #: A null stands for the default where the hint has no place for it.
    null_is_default: bool


@dataclass(frozen=True)
class Method:
    """One method of an actor."""

    name: str
    #: ``ask``, ``stream`` or ``tell``.
    kind: str
    function: Callable[..., Any]
    doc: str
    parameters: tuple[Parameter, ...]
    takes_bytes: bool = False
    #: Begins after `Call.resume_after` by itself.
    resumes: bool = False
    by_name: dict[str, Parameter] = field(default_factory=dict)

    def args_schema(self) -> Optional[str]:
        """JSON Schema of the arguments as one object; none for bytes."""
        if self.takes_bytes:
            return None
        schema = {
            "type": "object",
            "properties": {each.name: each.schema for each in self.parameters},
            "required": [each.name for each in self.parameters if each.is_required],
            "additionalProperties": False,
        }
        return json.dumps(schema, ensure_ascii=False, separators=(",", ":"), default=str)


def read(cls: type) -> dict[str, Method]:
    """The methods of an actor's class, its bases' included."""
    methods: dict[str, Method] = {}
    for name in _names(cls):
        attribute = inspect.getattr_static(cls, name)
        if inspect.isfunction(attribute):
            methods[name] = _method(name, attribute)
    return methods


def _names(cls: type) -> list[str]:
    """Public names in the order in which they stand in the source, the bases' first."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__[:-1]):
        names.update(dict.fromkeys(vars(base)))
    return [name for name in names if not name.startswith("_") and name not in HOOKS]


def _method(name: str, function: Callable[..., Any]) -> Method:
    known = hints(function)
    parameters = tuple(
        _parameter(name, parameter, known)
        for parameter in list(inspect.signature(function).parameters.values())[1:]
    )
    takes_bytes = any(known.get(each.name) is bytes for each in parameters)
    if takes_bytes and len(parameters) > 1:
        raise TypeError(f"`{name}`: bytes are an argument only alone")
    return Method(
        name=name,
        kind=_kind(function, known),
        function=function,
        doc=inspect.getdoc(function) or "",
        parameters=parameters,
        takes_bytes=takes_bytes,
        resumes=getattr(function, "__pulsing_resumes__", False),
        by_name={each.name: each for each in parameters},
    )


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The type hints of a function, as far as they can be read here."""
    try:
        return typing.get_type_hints(function)
    except Exception:
        # A hint that only a type checker can read says nothing here.
        return {}


def _kind(function: Callable[..., Any], known: dict[str, Any]) -> str:
    if getattr(function, "__pulsing_tell__", False):
        return "tell"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "stream"
    answer = known.get("return")
    return "stream" if (typing.get_origin(answer) or answer) in _STREAMS else "ask"


def _parameter(method: str, parameter: inspect.Parameter, known: dict[str, Any]) -> Parameter:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TypeError(f"`{method}`: an argument must have a name of its own, unlike `{parameter}`")
    hint = known.get(parameter.name, Any)
    check, schema = _types.read(hint)
    has_default = parameter.default is not parameter.empty
    admits_none = _types.admits_none(hint)
    return Parameter(
        name=parameter.name,
        check=check,
        schema=schema,
        has_default=has_default,
        is_required=not has_default and not admits_none,
        null_is_default=has_default and not admits_none and check is not _types.anything,
    )
