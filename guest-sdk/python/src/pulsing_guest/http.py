"""HTTP to the hosts that were granted to the actor, while other handlers run. `blocking.http` has the same for a
serial actor."""

from __future__ import annotations

from types import TracebackType
from typing import Any, AsyncIterator, Mapping, Optional, TypeVar

from . import _host, _http, _lower
from ._http import Body, HttpError
from ._peers import begin_wait
from ._text import Events, Lines, Parser, ServerEvent, TooLong

__all__ = ["HttpError", "Response", "ServerEvent", "get", "post", "request"]

T = TypeVar("T")


async def request(
    method: str,
    url: str,
    *,
    headers: Optional[Mapping[str, str]] = None,
    json: Any = None,
    body: Optional[Body] = None,
    timeout: Optional[float] = None,
    redirects: int = _http.REDIRECTS_MAX,
) -> Response:
    """Sends a request, and waits for the response to begin, at most ``timeout`` seconds.

    Raises `HttpError`; a response with any status is none.
    """
    host = _host.overlapping("http.request")
    call = begin_wait()
    timeout_ms = _lower.optional_milliseconds(timeout, "timeout")
    asked = _http.request(host.http_types, method, url, headers, json, body, timeout_ms, redirects)
    exchange: Optional[int] = None
    try:
        exchange = host.http.begin(call.id, asked)
        head = await host.http.response(exchange)
        call.check()
    except BaseException as error:
        if exchange is not None:
            host.http.close(exchange)
        if isinstance(error, host.wire.Err):
            call.check()
            raise _http.error_of(error.value, timeout_ms) from None
        raise
    return Response(host, head, exchange)


async def get(url: str, **options: Any) -> Response:
    """`request` with ``GET``."""
    return await request("GET", url, **options)


async def post(url: str, **options: Any) -> Response:
    """`request` with ``POST``."""
    return await request("POST", url, **options)


class Response(_http.Head):
    """A response whose body is still to be read. It is closed at the end of the body, by `aclose`, at the end of
    ``async with``, and when nobody holds it any more."""

    _exchange: Optional[int] = None

    def __init__(self, host: Any, head: Any, exchange: int) -> None:
        super().__init__(head)
        self._host = host
        self._exchange = exchange

    async def piece(self) -> Optional[bytes]:
        """The next piece of the body, as it comes; None at its end."""
        if self._exchange is None:
            return None
        call = begin_wait()
        try:
            piece: Optional[bytes] = await self._host.http.read(self._exchange, _http.PIECE_BYTES)
        except BaseException as error:
            self._close()
            if isinstance(error, self._host.wire.Err):
                call.check()
                raise _http.error_of(error.value) from None
            raise
        if piece is None:
            self._close()
        call.check()
        return piece

    async def read(self, limit: int = _http.LIMIT_BYTES) -> bytes:
        """All of the body, which may have ``limit`` bytes."""
        body = bytearray()
        while (piece := await self.piece()) is not None:
            if len(body) + len(piece) > limit:
                self._close()
                raise _http.too_large(limit)
            body += piece
        return bytes(body)

    async def text(self, limit: int = _http.LIMIT_BYTES) -> str:
        """All of the body, as UTF-8."""
        return _http.text(await self.read(limit))

    async def json(self, limit: int = _http.LIMIT_BYTES) -> Any:
        """All of the body, as JSON."""
        return _http.json_value(await self.read(limit))

    def lines(self) -> AsyncIterator[str]:
        """The body's lines, without their ends, at most 1 MiB each."""
        return self._parsed(Lines())

    def events(self) -> AsyncIterator[ServerEvent]:
        """The body's server-sent events, by the rules of the WHATWG, at most 1 MiB each."""
        return self._parsed(Events())

    async def _parsed(self, parser: Parser[T]) -> AsyncIterator[T]:
        try:
            is_over = False
            while not is_over:
                piece = await self.piece()
                is_over = piece is None
                for item in parser.feed(piece):
                    yield item
        except TooLong as error:
            raise HttpError("too-large", str(error)) from None
        except UnicodeDecodeError as error:
            raise HttpError("decode", f"the body is no UTF-8: {error}") from None
        finally:
            self._close()

    def _close(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._host.http.close(exchange)

    async def aclose(self) -> None:
        """Gives it up: its connection is closed unless all of it was read."""
        self._close()

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()
