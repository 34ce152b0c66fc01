"""What both ways of HTTP share: requests, the heads of responses, and how an exchange fails."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Union

from . import _lower
from ._args import loads
from ._payload import encode
from .errors import BusinessError, Cancelled, Error, SystemError, TimeoutError

#: The most that a whole body may have, unless one is told otherwise.
LIMIT_BYTES = 4 << 20
#: How much is taken from the host at once.
PIECE_BYTES = 64 << 10
#: The host follows at most as many.
REDIRECTS_MAX = 10

Body = Union[bytes, bytearray, memoryview, str]

_KINDS = {
    "HTTP_REQUEST_DENIED": "denied",
    "HTTP_REQUEST_URI_INVALID": "invalid",
    "HTTP_REQUEST_METHOD_INVALID": "invalid",
    "HTTP_REQUEST_HEADER_SECTION_INVALID": "invalid",
    "HTTP_REQUEST_HEADER_SECTION_SIZE": "invalid",
    "HTTP_REQUEST_BODY_SIZE": "invalid",
    "DNS_ERROR": "connection",
    "CONNECTION_REFUSED": "connection",
    "CONNECTION_TERMINATED": "connection",
    "TLS_CERTIFICATE_ERROR": "certificate",
    "CONNECTION_TIMEOUT": "timeout",
    "HTTP_RESPONSE_TIMEOUT": "timeout",
    "HTTP_RESPONSE_HEADER_SECTION_SIZE": "protocol",
    "HTTP_PROTOCOL_ERROR": "protocol",
    "TOO_MANY_REDIRECTS": "protocol",
    "TOO_MANY_REQUESTS": "too-many-requests",
    "CANCELLED": "cancelled",
    "INTERNAL_ERROR": "internal",
}
_RETRY_STATUSES = frozenset({408, 425, 429})


class HttpError(Error):
    """A request has no response, or its body no end.

    ``kind`` is ``denied`` (the host was not granted), ``invalid``, ``timeout``, ``connection`` (it may have taken
    effect), ``certificate``, ``protocol``, ``too-many-requests``, ``too-large``, ``decode``, ``status``, ``cancelled``
    or ``internal``.
    """

    def __init__(self, kind: str, message: str, status: Optional[int] = None, after_ms: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        #: That of `raise_for_status`.
        self.status = status
        self._after_ms = after_ms

    def as_error(self) -> Union[Error, Cancelled]:
        """What an actor that cannot do without the response says to its own caller."""
        if self.kind == "timeout":
            return TimeoutError("http", self._after_ms)
        if self.kind == "cancelled":
            return Cancelled()
        if self.status is not None:
            if self.status >= 500 or self.status in _RETRY_STATUSES:
                return SystemError(self.message)
            return BusinessError(self.status, self.message)
        return SystemError(self.message, recoverable=self.kind in ("connection", "too-many-requests"))


def error_of(error: Any, timeout_ms: Optional[int] = None) -> HttpError:
    """An error of the host."""
    name = error.code.name.upper()
    return HttpError(_KINDS.get(name, "internal"), error.message, after_ms=timeout_ms or 0)


def request(
    types: Any,
    method: str,
    url: str,
    headers: Optional[Mapping[str, str]],
    json: Any,
    body: Optional[Body],
    timeout_ms: Optional[int],
    redirects: int,
) -> Any:
    """The request as the bindings have it."""
    asked, where = _lower.text(method, "method"), _lower.text(url, "url")
    fields = [_header(types, name, value) for name, value in (headers or {}).items()]
    if json is not None:
        if body is not None:
            raise TypeError("a request has a `json` or a `body`, not both")
        body = encode(json, "the request's body")[1]
        if all(field.name.lower() != "content-type" for field in fields):
            fields.append(types.Header("content-type", b"application/json"))
    content = _content(body)
    whole = types.Body_Whole(content) if content else types.Body_Empty()
    followed = _lower.number(redirects, "redirects", REDIRECTS_MAX)
    return types.Request(asked, where, fields, whole, timeout_ms, None, followed)


def _header(types: Any, name: Any, value: Any) -> Any:
    _lower.text(name, "a header's name")
    if not isinstance(value, str):
        raise TypeError(f"the header `{name}` must be a string, not {type(value).__name__}")
    try:
        return types.Header(name, value.encode("latin-1"))
    except UnicodeEncodeError:
        raise ValueError(f"the header `{name}` has characters that are not in Latin-1") from None


def _content(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, (bytes, bytearray, memoryview)):
        # `bytes(5)` would be five NULs.
        return bytes(body)
    if isinstance(body, str):
        return _lower.text(body, "the request's body").encode()
    raise TypeError(f"the request's body must be bytes or a string, not {type(body).__name__}")


class Head:
    """What came before the body."""

    def __init__(self, head: Any) -> None:
        #: Such as 200.
        self.status: int = head.status
        #: The URL that answered, after redirects.
        self.url: str = head.url
        #: Names are in lower case; the values of one that came more than once are joined by commas.
        self.headers: dict[str, str] = {}
        for field in head.headers:
            value = field.value.decode("latin-1")
            before = self.headers.get(field.name)
            self.headers[field.name] = value if before is None else f"{before}, {value}"

    def raise_for_status(self) -> None:
        """Raises an `HttpError` for 4xx and 5xx. It names the URL without its query, in which there may be secrets."""
        if self.status >= 400:
            url = self.url.partition("?")[0]
            raise HttpError("status", f"{url} answered {self.status}", status=self.status)


def too_large(limit: int) -> HttpError:
    """The body does not fit."""
    return HttpError("too-large", f"the body has more than {limit} bytes")


def text(body: bytes) -> str:
    """A body as UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise HttpError("decode", f"the body is no UTF-8: {error}") from None


def json_value(body: bytes) -> Any:
    """A body as JSON."""
    try:
        return loads(body)
    except ValueError as error:
        raise HttpError("decode", f"the body is not JSON: {error}") from None
