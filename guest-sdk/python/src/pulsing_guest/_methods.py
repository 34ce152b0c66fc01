"""What an actor's class says of its methods: names, kinds, arguments, summaries.

Read once, when the module is complete: a hint may be of a class that stands below. That is while the component is
built, so a life begins with all of it.
"""

from __future__ import annotations

import functools
import inspect
import typing
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from . import _returns, _types

#: Public names that are hooks, and no methods.
HOOKS = frozenset({"on_start", "on_stop"})


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
    #: JSON Schema of what an ask returns; none where nothing can be said.
    answer: Optional[_types.Schema] = None
    #: The same of the items of a stream.
    item: Optional[_types.Schema] = None

    def args_schema(self) -> Optional[_types.Schema]:
        """JSON Schema of the arguments as one object; none for bytes."""
        if self.takes_bytes:
            return None
        return {
            "type": "object",
            "properties": {each.name: each.schema for each in self.parameters},
            "required": [each.name for each in self.parameters if each.is_required],
            "additionalProperties": False,
        }


def read(cls: type) -> dict[str, Method]:
    """The methods of an actor's class, its bases' included."""
    methods: dict[str, Method] = {}
    for name in _names(cls):
        attribute = inspect.getattr_static(cls, name)
        if inspect.isfunction(attribute):
            methods[name] = _method(name, attribute)
        elif _hides_a_method(attribute):
            kind = type(attribute).__name__
            raise TypeError(
                f"`{name}` is a {kind.strip('_')} in the place of a function, as `functools.cache` makes it: "
                f"call `_{name}` of that kind from a method"
            )
    return methods


def waits(cls: type) -> Optional[str]:
    """The name of a method or of a hook that is ``async``, whatever it is decorated with."""
    for name in (*_names(cls), *HOOKS):
        function = inspect.getattr_static(cls, name, None)
        if inspect.isfunction(function) and (_is_async(function) or _is_async(inspect.unwrap(function))):
            return name
    return None


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _hides_a_method(attribute: Any) -> bool:
    """Whether its author takes it for a method, which must be a function to be one."""
    if isinstance(attribute, (functools.partialmethod, functools.singledispatchmethod)):
        return True
    is_other = isinstance(attribute, (type, staticmethod, classmethod))
    return callable(attribute) and hasattr(attribute, "__wrapped__") and not is_other


def _names(cls: type) -> list[str]:
    """Public names in the order in which they stand in the source, the bases' first."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__[:-1]):
        names.update(dict.fromkeys(vars(base)))
    return [name for name in names if not name.startswith("_") and name not in HOOKS]


def _method(name: str, function: Callable[..., Any]) -> Method:
    known = _types.hints(function)
    parameters = tuple(
        _parameter(name, parameter, known)
        for parameter in list(inspect.signature(function).parameters.values())[1:]
    )
    takes_bytes = any(known.get(each.name) is bytes for each in parameters)
    if takes_bytes and len(parameters) > 1:
        raise TypeError(f"`{name}`: bytes are an argument only alone")
    kind = _kind(name, function, known)
    return Method(
        name=name,
        kind=kind,
        function=function,
        doc=inspect.getdoc(function) or "",
        parameters=parameters,
        takes_bytes=takes_bytes,
        resumes=getattr(function, "__pulsing_resumes__", False),
        by_name={each.name: each for each in parameters},
        answer=_returns.answer(known) if kind == "ask" else None,
        item=_returns.item(known) if kind == "stream" else None,
    )


def _kind(name: str, function: Callable[..., Any], known: dict[str, Any]) -> str:
    # A decorator of a generator is mostly a plain function that hands it over.
    inner = inspect.unwrap(function)
    makes_items = any(
        inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in (function, inner)
    )
    if getattr(function, "__pulsing_tell__", False):
        if makes_items:
            raise TypeError(f"`{name}` is `@on_tell` and has a `yield`: nobody would take its items")
        return "tell"
    if makes_items:
        return "stream"
    answer = known.get("return")
    return "stream" if (typing.get_origin(answer) or answer) in _returns.STREAMS else "ask"


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
