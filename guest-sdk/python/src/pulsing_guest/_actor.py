"""What makes a class an actor."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Callable, Literal, Optional, TypeVar, Union, overload

from . import _describe, _methods, _types
from .errors import BusinessError

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Policy = Literal["never", "on_failure", "always"]


@dataclass(frozen=True)
class Actor:
    """What the SDK knows of an actor's class."""

    cls: type
    methods: dict[str, _methods.Method]
    may_passivate: bool
    #: How it wants to be restarted: members of its description.
    restart: dict[str, Any]
    takes_config: bool
    check_config: _types.Check

    def make(self, config: Any) -> Any:
        """An instance, for a new life."""
        if not self.takes_config:
            # It may be read with `pulsing_guest.config` as well.
            return self.cls()
        try:
            return self.cls(config=self.check_config(config))
        except _types.Mismatch as error:
            raise BusinessError(400, f"configuration: {error}") from None


@overload
def actor(cls: type[T], /) -> type[T]: ...


@overload
def actor(
    *,
    overlapping: Optional[bool] = None,
    may_passivate: bool = False,
    restart: Optional[Policy] = None,
    max_restarts: Optional[int] = None,
    min_backoff_ms: Optional[int] = None,
    max_backoff_ms: Optional[int] = None,
) -> Callable[[type[T]], type[T]]: ...


def actor(
    cls: Optional[type[T]] = None,
    /,
    *,
    overlapping: Optional[bool] = None,
    may_passivate: bool = False,
    restart: Optional[Policy] = None,
    max_restarts: Optional[int] = None,
    min_backoff_ms: Optional[int] = None,
    max_backoff_ms: Optional[int] = None,
) -> Union[type[T], Callable[[type[T]], type[T]]]:
    """Makes a class an actor: its public methods are what it can be asked.

    ``overlapping`` says what the methods alone do not: whether handlers run while others wait. If it is left out,
    they do where a method is ``async``. (The build reads it from the source: write ``True`` or ``False``.)

    ``may_passivate`` says that the actor's memory may be lost whenever it has nothing to do: a host that is told to
    (``passivate_after``) ends it then, and begins it again with the next message.

    ``restart`` says which ends of a life are followed by another one: ``"never"``, ``"on_failure"`` or ``"always"``;
    ``max_restarts`` how often within the host's restart window, and ``min_backoff_ms`` and ``max_backoff_ms`` after how
    long at least and at most. What the operator sets goes before these.
    """
    wanted = _describe.restart(restart, max_restarts, min_backoff_ms, max_backoff_ms)

    def decorate(cls: type[T]) -> type[T]:
        setattr(cls, "__pulsing_actor__", _Mark(may_passivate, wanted))
        # For what is wrong with it, where it stands. Hints of what stands below say nothing yet.
        read(cls)
        return cls

    return decorate if cls is None else decorate(cls)


@dataclass(frozen=True)
class _Mark:
    """What the decorator was told."""

    may_passivate: bool
    restart: dict[str, Any]


def read(cls: type) -> Actor:
    """What a class with @actor says of itself."""
    mark: _Mark = vars(cls)["__pulsing_actor__"]
    takes_config, check = _config(cls)
    return Actor(cls, _methods.read(cls), mark.may_passivate, mark.restart, takes_config, check)


def _config(cls: type) -> tuple[bool, _types.Check]:
    """Whether ``__init__`` takes the configuration, and how it is checked."""
    init: Any = inspect.getattr_static(cls, "__init__")
    if init is object.__init__:
        return False, _types.anything
    parameters = list(inspect.signature(init).parameters.values())[1:]
    for parameter in parameters:
        is_named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if parameter.name != "config" and is_named and parameter.default is parameter.empty:
            raise TypeError(f"`__init__` takes nothing but `config`: who would give it `{parameter.name}`?")
    if all(parameter.name != "config" for parameter in parameters):
        return False, _types.anything
    hint = _types.hints(init).get("config", Any)
    check, _ = _types.read(hint)
    default = next(each for each in parameters if each.name == "config").default
    if default is inspect.Parameter.empty and not _types.admits_none(hint):
        return True, check

    def check_or_default(config: Any) -> Any:
        if config is not None:
            return check(config)
        return None if default is inspect.Parameter.empty else default

    return True, check_or_default


def of(module: Any) -> Actor:
    """The actor that a module defines."""
    # A set: one class may have two names.
    found = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and "__pulsing_actor__" in vars(value)
        and value.__module__ == module.__name__
    }
    if len(found) != 1:
        raise TypeError(f"`{module.__name__}` has {len(found)} classes with @actor, not one")
    return read(found.pop())


def serial_of(module: Any) -> Actor:
    """The same, where handlers do not overlap."""
    actor = of(module)
    name = _methods.waits(actor.cls)
    if name is not None:
        # The build looks for `async` in the source, where a decorator or another file may hide it.
        raise TypeError(f"`{name}` is async: say `@actor(overlapping=True)`")
    return actor


def on_tell(function: F) -> F:
    """Marks a method that handles messages nobody waits for."""
    setattr(function, "__pulsing_tell__", True)
    return function


def resumes(function: F) -> F:
    """Marks a stream that leaves out its first `Call.resume_after` items by itself, where its reader has those already.
    In all others the SDK skips them."""
    setattr(function, "__pulsing_resumes__", True)
    return function
