"""Errors and payloads as the bindings have them, both ways. Imports the bindings: for use inside a component only."""

from __future__ import annotations

import json
from typing import Any, NoReturn, Optional, Union

from componentize_py_types import Err
from wit_world.imports import types as wit

from . import _args, _lower, _payload
from .errors import (
    BusinessError,
    Cancelled,
    Error,
    RuntimeFailure,
    SystemError,
    TimeoutError,
    UnsupportedError,
    classify,
    text_of,
)

_JSON = wit.Encoding.JSON
_BYTES = wit.Encoding.BYTES


def payload(value: _payload.Payload) -> Any:
    """A payload to send."""
    is_json, body = value
    return wit.Payload(_JSON if is_json else _BYTES, body)


def pair(value: Any) -> _payload.Payload:
    """A payload that came."""
    return value.encoding is _JSON, value.body


def failure(error: BaseException) -> Err[Any]:
    """What an export raises in the place of ``error``. Nothing else may leave it: it would end the actor."""
    try:
        return Err(_actor_error(classify(error)))
    except BaseException as second:
        # It was made with what cannot be sent, such as a code of -1: that is worth knowing beside what it says.
        said = ": ".join(filter(None, [type(error).__name__, text_of(error)]))
        text = f"{said} (it cannot be sent as it is: {text_of(second) or type(second).__name__})"
        return Err(wit.ActorError_System(wit.SystemError(_lower.printable(text), False, False)))


def _actor_error(error: Union[Error, Cancelled]) -> Any:
    text = _lower.printable
    if isinstance(error, BusinessError):
        code = _lower.number(error.code, "the code", _lower.MAX_U32)
        return wit.ActorError_Business(wit.BusinessError(code, text(error.message), _details(error.details)))
    if isinstance(error, TimeoutError):
        ms = _lower.number(error.duration_ms, "the duration in milliseconds", _lower.MAX_NUMBER)
        return wit.ActorError_Timeout(wit.TimeoutError(text(error.operation), ms))
    if isinstance(error, UnsupportedError):
        nearest = None if error.nearest is None else text(error.nearest)
        return wit.ActorError_Unsupported(wit.UnsupportedError(text(error.operation), nearest))
    if isinstance(error, Cancelled):
        return wit.ActorError_Cancelled()
    if isinstance(error, SystemError):
        system = wit.SystemError(text(error.message), bool(error.recoverable), bool(error.restart))
        return wit.ActorError_System(system)
    return wit.ActorError_System(wit.SystemError(text(error), True, False))


def _details(details: Any) -> Optional[str]:
    if details is None:
        return None
    try:
        is_json, body = _payload.encode(details, "details")
        if not is_json:
            raise TypeError("details are not JSON: bytes have no JSON form")
        return body.decode()
    except Exception as error:
        return json.dumps(str(error))


def raise_call_error(error: Any) -> NoReturn:
    """Raises how a call to another actor failed."""
    if isinstance(error, wit.CallError_Runtime):
        raise_runtime_error(error.value)
    raise _of_peer(error.value)


def raise_runtime_error(error: Any) -> NoReturn:
    """Raises why the host could not bring a message."""
    raise RuntimeFailure(error.kind, error.message, error.retry_after_ms)


def _of_peer(error: Any) -> Union[Error, Cancelled]:
    if isinstance(error, wit.ActorError_Business):
        value = error.value
        return BusinessError(value.code, value.message, _json(value.details))
    if isinstance(error, wit.ActorError_System):
        # That one's state is not this one's: no `restart`.
        return SystemError(error.value.message, error.value.recoverable)
    if isinstance(error, wit.ActorError_Timeout):
        return TimeoutError(error.value.operation, error.value.duration_ms)
    if isinstance(error, wit.ActorError_Unsupported):
        return UnsupportedError(error.value.operation, error.value.nearest)
    return Cancelled()


def _json(details: Optional[str]) -> Any:
    try:
        return None if details is None else _args.loads(details.encode())
    except ValueError:
        return details


def options(timeout: Optional[float], idempotency_key: Optional[str]) -> Any:
    """How a message is sent to another actor."""
    return wit.CallOptions(
        _lower.optional_milliseconds(timeout, "timeout"),
        _lower.optional_text(idempotency_key, "idempotency_key"),
    )


def batch(drawn: tuple[list[_payload.Payload], bool]) -> Any:
    """What a draw brought."""
    items, done = drawn
    return wit.StreamBatch([payload(item) for item in items], done)


def stream_reply(id: int) -> Any:
    """An answer that is drawn on."""
    return wit.Reply_Stream(id)


def value_reply(value: Any) -> Any:
    """An answer now."""
    return wit.Reply_Value(payload(_payload.encode(value, "the answer")))
