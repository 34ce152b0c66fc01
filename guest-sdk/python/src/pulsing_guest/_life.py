"""One life of an actor, in either world: its instance, its streams, and the way from a message to a method."""

from __future__ import annotations

import random
from types import CoroutineType, GeneratorType
from typing import Any, Optional

from . import _args, _call, _payload
from ._actor import Actor
from ._host import World
from ._methods import Method
from ._nearest import nearest
from ._streams import Table
from .errors import BusinessError, UnsupportedError

__all__ = ["Life"]


class Life:
    """Made while the component is built; begins with `begin`."""

    def __init__(self, actor: Actor, world: World) -> None:
        self.actor = actor
        self.streams = Table(world)
        self.instance: Any = None

    def begin(self, name: str, key: Optional[str], generation: int, config: _payload.Payload) -> None:
        """Makes the instance."""
        # Its seed was drawn when the component was built: every life would have the same numbers.
        random.seed()
        this = _call.this
        this.name, this.key, this.generation = name, key, generation
        this.config = _configuration(config)
        self.instance = self.actor.make(this.config)

    def hook(self, name: str) -> Any:
        """Calls a hook, if the class has it. Its answer may have to be awaited."""
        hook = getattr(self.instance, name, None)
        return hook() if hook is not None else None

    def call(self, method: Method, is_json: bool, body: bytes) -> Any:
        """Calls a method. Its answer may have to be awaited."""
        return method.function(self.instance, **_args.decode(method, is_json, body))

    def method(self, name: str) -> Method:
        """The method of this name."""
        method = self.actor.methods.get(name)
        if method is None:
            raise UnsupportedError(name, nearest(name, self.actor.methods))
        return method

    def open_stream(self, source: Any, method: Method) -> int:
        """Keeps what a method answered as a stream."""
        if not hasattr(source, "__aiter__") and not hasattr(source, "__iter__"):
            raise TypeError(f"`{method.name}` is said to answer a stream, and answered {type(source).__name__}")
        return self.streams.open(source, _call.call(), method.resumes)


def must_await(value: Any) -> bool:
    """Whether a method's answer is still to be waited for."""
    return type(value) is CoroutineType or (
        type(value) is not GeneratorType and hasattr(type(value), "__await__")
    )


def _configuration(config: _payload.Payload) -> Any:
    is_json, body = config
    if not is_json:
        return body
    try:
        return _args.loads(body) if body else None
    except ValueError as error:
        raise BusinessError(400, f"configuration: {error}") from None
