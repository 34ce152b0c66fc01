"""The exports of a serial actor: one handler runs from start to end before the next."""

from __future__ import annotations

from typing import Any

from wit_world import exports as wit_exports
from wit_world.imports import http, http_types, system

from . import _actor, _call, _describe, _host, _wire
from ._life import Life, must_await
from .errors import SystemError, log

_host.bind(_host.Host("serial", system, http, http_types, _wire))


def exports(module: Any) -> type:
    """The class that componentize-py looks for in the entry module."""
    life = Life(_actor.serial_of(module), "serial")
    description = _describe.description(life.actor)

    class Actor(wit_exports.Actor):
        def describe(self) -> str:
            return description

        def start(self, options: Any) -> None:
            try:
                _call.leave()
                if life.actor.may_passivate:
                    system.may_passivate()
                life.begin(options.name, options.key, options.generation, _wire.pair(options.config))
                _now(life.hook("on_start"))
            except BaseException as error:
                raise _wire.failure(error) from None

        def handle(self, message: Any) -> Any:
            try:
                method, answer = _call_method(life, message)
                if method.kind == "stream":
                    return _wire.stream_reply(life.open_stream(answer, method))
                return _wire.value_reply(answer)
            except BaseException as error:
                raise _wire.failure(error) from None

        def tell(self, message: Any) -> None:
            try:
                _call_method(life, message)
            except BaseException as error:
                raise _wire.failure(error) from None

        def stream_next(self, stream: int, max_items: int) -> Any:
            try:
                return _wire.batch(life.streams.draw(stream, max_items))
            except BaseException as error:
                raise _wire.failure(error) from None

        def stream_close(self, stream: int) -> None:
            try:
                life.streams.close(stream)
            except BaseException as error:
                log(error)

        def stop(self) -> None:
            try:
                _call.leave()
                life.streams.close_all()
                _now(life.hook("on_stop"))
            except BaseException as error:
                log(error)

    return Actor


def _call_method(life: Life, message: Any) -> tuple[Any, Any]:
    _call.enter(_call.of_message(message))
    method = life.method(message.method)
    return method, _now(life.call(method, *_wire.pair(message.args)))


def _now(answer: Any) -> Any:
    if must_await(answer):
        if hasattr(answer, "close"):
            answer.close()
        raise SystemError("something to await needs an actor that is overlapping", recoverable=False)
    return answer
