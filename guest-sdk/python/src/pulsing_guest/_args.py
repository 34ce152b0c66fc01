"""Reading a method's arguments: a JSON object by name, a JSON array by position, nothing at all where every
argument may be left out, or the bytes themselves for a single ``bytes``.

What is wrong is said of the argument by its name, and is the caller's fault: a business error with code 400.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

from ._types import Mismatch, anything, given
from .errors import BusinessError

if TYPE_CHECKING:
    from ._methods import Method, Parameter


#: As deep as the host's own JSON goes. Deeper, Python would use up the stack, which ends the actor's life: a trap comes
#: before its RecursionError.
DEPTH_MAX = 128
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
# One without an end matches too: otherwise each of its quotes would be tried as a beginning, in the square of the time.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


def decode(method: Method, is_json: bool, body: bytes) -> dict[str, Any]:
    """The arguments of ``method`` by name; what was left out is not there."""
    if method.takes_bytes:
        return {method.parameters[0].name: body}
    if not is_json:
        raise _bad("this method takes JSON, not bytes")
    arguments = _parse(body) if body else None
    values: dict[str, Any] = {}
    if isinstance(arguments, dict):
        _by_name(method, arguments, body, values)
    elif isinstance(arguments, list):
        _by_position(method, arguments, values)
    elif arguments is not None:
        expected = "the arguments as a JSON object by name or a JSON array by position"
        raise _bad(f"invalid type: {given(arguments)}, expected {expected}")
    for parameter in method.parameters:
        if parameter.name not in values:
            if parameter.is_required:
                raise _bad(f"argument `{parameter.name}` is missing")
            if not parameter.has_default:
                values[parameter.name] = None
    return values


def loads(body: bytes) -> Any:
    """JSON as the standard has it: without NaN and Infinity.

    Raises ``ValueError``, also where it is nested too deeply.
    """
    if _is_deep(body):
        raise ValueError(f"nested more than {DEPTH_MAX} levels deep")
    return json.loads(str(body, "utf-8"), parse_constant=_no_constant, parse_float=_finite)


def _is_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return False
    # Those in strings do not count, and could make up for those that do.
    return not _folds(_STRING.sub(b"", body).translate(None, _OTHERS))


def _folds(brackets: bytes) -> bool:
    """Whether nothing is left when the innermost pairs are taken out as often as they may be nested."""
    for _ in range(DEPTH_MAX):
        inner = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not inner or len(inner) == len(brackets):
            return not inner
        brackets = inner
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _parse(body: bytes) -> Any:
    try:
        return loads(body)
    except ValueError as error:
        raise _bad(f"the arguments are not JSON: {error}") from None


def _by_name(method: Method, arguments: dict[str, Any], body: bytes, values: dict[str, Any]) -> None:
    by_name = method.by_name
    for name, value in arguments.items():
        parameter = by_name.get(name)
        if parameter is None:
            raise _bad(f"unknown argument `{name}`; {_known(method)}")
        _take(parameter, value, values)
        # The last of two would win, silently; only a name that is there twice is worth a second look.
        if body.count(b'"%s"' % name.encode()) > 1 and _is_twice(body, name):
            raise _bad(f"argument `{name}`: given twice")


def _is_twice(body: bytes, name: str) -> bool:
    top: list[tuple[str, Any]] = []

    def pairs(items: list[tuple[str, Any]]) -> None:
        # The outermost object is the last to be made.
        top[:] = items

    json.loads(body, object_pairs_hook=pairs)
    return sum(key == name for key, _ in top) > 1


def _by_position(method: Method, arguments: list[Any], values: dict[str, Any]) -> None:
    for parameter, value in zip(method.parameters, arguments):
        _take(parameter, value, values)
    if len(arguments) > len(method.parameters):
        raise _bad(f"{len(arguments)} arguments given; {_known(method)}")


def _take(parameter: Parameter, value: Any, values: dict[str, Any]) -> None:
    if value is None and parameter.null_is_default:
        return
    if parameter.check is not anything:
        try:
            value = parameter.check(value)
        except Mismatch as error:
            raise _bad(f"argument `{parameter.name}`: {error}") from None
    values[parameter.name] = value


def _known(method: Method) -> str:
    names = ", ".join(f"`{parameter.name}`" for parameter in method.parameters)
    return f"this method takes {names}" if names else "this method takes none"


def _bad(message: str) -> BusinessError:
    return BusinessError(400, message)
