"""Errors and payloads as the bindings have them, both ways. Imports the bindings: for use inside a component only."""

from __future__ import annotations

import json
from typing import Any, NoReturn, Optional

from componentize_py_types import Err
from wit_world.imports import types as wit

from . import _args, _payload
from .errors import (
    BusinessError,
    Cancelled,
    Error,
    RuntimeFailure,
    SystemError,
    TimeoutError,
    UnsupportedError,
    classify,
)

#: 2^53-1: the largest number that every guest language carries unharmed.
MAX_NUMBER = (1 << 53) - 1
MAX_CODE = (1 << 32) - 1
_JSON = wit.Encoding.JSON
_BYTES = wit.Encoding.BYTES


def payload(value: _payload.Payload) -> Any:
    """A payload to send."""
    is_json, body = value
    return wit.Payload(_JSON if is_json else _BYTES, body)


def pair(value: Any) -> _payload.Payload:
    """A payload that came."""
    return value.encoding is _JSON, value.body


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, rounded up, so that a short wait does not become none."""
    if not seconds > 0:
        return 0
    if seconds >= MAX_NUMBER / 1000:
        return MAX_NUMBER
    return -int(-seconds * 1000 // 1)


def failure(error: BaseException) -> Err[Any]:
    """What an export raises in the place of ``error``. Nothing else may leave it: it would end the actor."""
    try:
        return Err(_actor_error(classify(error)))
    except BaseException as second:
        text = f"{type(error).__name__}, and to say more failed with {type(second).__name__}"
        return Err(wit.ActorError_System(wit.SystemError(text, True, False)))


def _actor_error(error: Error) -> Any:
    if isinstance(error, BusinessError):
        code = min(max(int(error.code), 0), MAX_CODE)
        return wit.ActorError_Business(wit.BusinessError(code, _text(error.message), _details(error.details)))
    if isinstance(error, TimeoutError):
        ms = min(max(int(error.duration_ms), 0), MAX_NUMBER)
        return wit.ActorError_Timeout(wit.TimeoutError(_text(error.operation), ms))
    if isinstance(error, UnsupportedError):
        return wit.ActorError_Unsupported(wit.UnsupportedError(_text(error.operation), error.nearest))
    if isinstance(error, Cancelled):
        return wit.ActorError_Cancelled()
    if isinstance(error, SystemError):
        system = wit.SystemError(_text(error.message), bool(error.recoverable), bool(error.restart))
        return wit.ActorError_System(system)
    return wit.ActorError_System(wit.SystemError(_text(error), True, False))


def _text(text: Any) -> str:
    # Half a surrogate pair has no UTF-8, and what cannot be lowered traps.
    return str(text).encode("utf-8", "replace").decode()


def _details(details: Any) -> Optional[str]:
    if details is None:
        return None
    try:
        return _payload.encode(details, "details")[1].decode()
    except Exception as error:
        return json.dumps(str(error))


def raise_call_error(error: Any) -> NoReturn:
    """Raises how a call to another actor failed."""
    if isinstance(error, wit.CallError_Runtime):
        raise_runtime_error(error.value)
    raise _of_peer(error.value)


def raise_runtime_error(error: Any) -> NoReturn:
    """Raises why the host could not bring a message."""
    kind = error.kind.name.lower().replace("_", "-")
    raise RuntimeFailure(kind, error.message, error.retry_after_ms)


def _of_peer(error: Any) -> Error:
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
    ms = None if timeout is None else milliseconds(timeout)
    return wit.CallOptions(ms, idempotency_key)


def description(methods: Any) -> Any:
    """What an actor says of itself."""
    kinds = {"ask": wit.MethodKind.ASK, "stream": wit.MethodKind.STREAM, "tell": wit.MethodKind.TELL}
    return wit.Description(
        [
            wit.Method(method.name, kinds[method.kind], method.doc, method.args_schema())
            for method in methods
        ]
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
