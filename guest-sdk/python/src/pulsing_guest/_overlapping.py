"""The exports of an overlapping actor: while one handler waits, the host starts the next."""

from __future__ import annotations

from typing import Any

from wit_world import exports as wit_exports
from wit_world.imports import async_http, async_system, http_types

from . import _actor, _call, _describe, _host, _loop, _wire
from ._life import Life, must_await
from .errors import log

# Before the actor's own module is imported, which may take names out of `asyncio`.
_host.bind(_host.Host("overlapping", async_system, async_http, http_types, _wire))
_loop.prepare()


def exports(module: Any) -> type:
    """The class that componentize-py looks for in the entry module."""
    life = Life(_actor.of(module), "overlapping")
    description = _describe.description(life.actor)

    class AsyncActor(wit_exports.AsyncActor):
        def describe(self) -> str:
            return description

        async def start(self, options: Any) -> None:
            try:
                _call.leave()
                if life.actor.may_passivate:
                    async_system.may_passivate()
                life.begin(options.name, options.key, options.generation, _wire.pair(options.config))
                await _done(life.hook("on_start"))
            except BaseException as error:
                raise _wire.failure(error) from None
            finally:
                _loop.settle()

        async def handle(self, message: Any) -> Any:
            try:
                method, answer = await _call_method(life, message)
                if method.kind == "stream":
                    return _wire.stream_reply(life.open_stream(answer, method))
                return _wire.value_reply(answer)
            except BaseException as error:
                raise _wire.failure(error) from None
            finally:
                _loop.settle()

        async def tell(self, message: Any) -> None:
            try:
                await _call_method(life, message)
            except BaseException as error:
                raise _wire.failure(error) from None
            finally:
                _loop.settle()

        async def stream_next(self, stream: int, max_items: int) -> Any:
            try:
                return _wire.batch(await life.streams.draw_async(stream, max_items))
            except BaseException as error:
                raise _wire.failure(error) from None
            finally:
                _loop.settle()

        def stream_close(self, stream: int) -> None:
            try:
                _loop.run_bare(life.streams.close, stream)
            except BaseException as error:
                log(error)

        async def stop(self) -> None:
            try:
                _call.leave()
                life.streams.close_all()
                await _done(life.hook("on_stop"))
            except BaseException as error:
                log(error)
            finally:
                _loop.settle()

    return AsyncActor


async def _call_method(life: Life, message: Any) -> tuple[Any, Any]:
    _call.enter(_call.of_message(message))
    method = life.method(message.method)
    answer = life.call(method, *_wire.pair(message.args))
    return method, await _done(answer)


async def _done(answer: Any) -> Any:
    return await answer if must_await(answer) else answer
