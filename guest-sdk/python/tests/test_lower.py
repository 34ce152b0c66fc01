"""What the host would trap on, and how what fails is said."""

import enum
import importlib
import sys
import types
import unittest
from dataclasses import dataclass
from unittest import mock

import pulsing_guest as sdk
from pulsing_guest import _http, _lower

HALF = "\ud800"


class Lowering(unittest.TestCase):
    def refused(self, error, function, *args):
        with self.assertRaises(error) as raised:
            function(*args)
        # It goes to the caller.
        str(raised.exception).encode()

    def test_text_is_a_string_that_has_utf8(self):
        self.assertEqual(_lower.text("ü", "it"), "ü")
        for value, error in [(5, TypeError), (None, TypeError), (b"x", TypeError), ("a" + HALF, ValueError)]:
            self.refused(error, _lower.text, value, "it")

    def test_a_number_is_whole_and_fits(self):
        code = enum.IntEnum("Code", {"GONE": 410})
        for value in [0, 5, code.GONE]:
            self.assertEqual(_lower.number(value, "it", 410), value)
        for value, error in [(True, TypeError), (1.0, TypeError), ("1", TypeError), (-1, ValueError), (411, ValueError),
                             (10**9999, ValueError)]:
            self.refused(error, _lower.number, value, "it", 410)

    def test_seconds_become_milliseconds_that_fit(self):
        for seconds, ms in [(0.0001, 1), (1, 1000), (1.5, 1500), (-1, 0), (1e300, _lower.MAX_NUMBER),
                            (float("inf"), _lower.MAX_NUMBER), (10**999, _lower.MAX_NUMBER), (float("-inf"), 0)]:
            self.assertEqual(_lower.milliseconds(seconds, "it"), ms)
        for seconds, error in [(float("nan"), ValueError), ("1", TypeError), (True, TypeError), (None, TypeError)]:
            self.refused(error, _lower.milliseconds, seconds, "it")

    def test_a_request_is_looked_at(self):
        def request(method="GET", url="http://x", headers=None, json=None, body=None, redirects=10):
            names = types.SimpleNamespace(
                Header=lambda *it: it, Body_Whole=lambda it: it, Body_Empty=lambda: b"", Request=lambda *it: it
            )
            return _http.request(names, method, url, headers, json, body, None, redirects)

        self.assertEqual(request(body="ü", headers={"a": "ü"})[2:4], ([("a", b"\xfc")], "ü".encode()))
        for wrong, error in [
            ({"method": 5}, TypeError),
            ({"url": HALF}, ValueError),
            ({"headers": {HALF: "x"}}, ValueError),
            ({"headers": {5: "x"}}, TypeError),
            ({"headers": {"x": 5}}, TypeError),
            ({"headers": {"x": "€"}}, ValueError),
            ({"body": 5}, TypeError),
            ({"body": HALF}, ValueError),
            ({"redirects": 11}, ValueError),
            ({"redirects": True}, TypeError),
        ]:
            self.refused(error, lambda: request(**wrong))


@dataclass
class Said:
    """Any class of the bindings."""

    name: str
    args: tuple


class Bindings(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "Encoding":
            return mock.MagicMock()
        return lambda *args: Said(name, args)


def wire():
    """`_wire`, with bindings that only say what they are given."""
    class Err(Exception):
        def __init__(self, value):
            self.value = value

    made = {name: Bindings(name) for name in ("wit_world", "wit_world.imports", "wit_world.imports.types")}
    made["componentize_py_types"] = types.ModuleType("componentize_py_types")
    made["componentize_py_types"].Err = Err
    made["wit_world.imports"].types = made["wit_world.imports.types"]
    with mock.patch.dict(sys.modules, made):
        sys.modules.pop("pulsing_guest._wire", None)
        module = importlib.import_module("pulsing_guest._wire")
    sys.modules.pop("pulsing_guest._wire", None)
    return module


class Failures(unittest.TestCase):
    wire = wire()

    def said(self, error):
        said = self.wire.failure(error).value
        return said.name.removeprefix("ActorError_"), said.args[0].args if said.args else ()

    def test_an_error_is_said_whatever_it_holds(self):
        for error, name, args in [
            (sdk.BusinessError(402, "no"), "Business", (402, "no", None)),
            (sdk.BusinessError(402, HALF, {"a": 1}), "Business", (402, "?", '{"a":1}')),
            (sdk.UnsupportedError("x", 5), "Unsupported", ("x", "5")),
            (sdk.UnsupportedError(HALF, HALF), "Unsupported", ("?", "?")),
            (sdk.TimeoutError("x", 5), "Timeout", ("x", 5)),
            (sdk.SystemError(HALF, 1, 0), "System", ("?", True, False)),
            (sdk.Cancelled(), "Cancelled", ()),
        ]:
            self.assertEqual(self.said(error), (name, args))

    def test_a_number_that_does_not_fit_is_a_clear_error(self):
        for error in [sdk.BusinessError(-1, "no"), sdk.BusinessError("x", "no"), sdk.BusinessError(1 << 32, "no"),
                      sdk.TimeoutError("no", 1.5)]:
            name, (message, recoverable, restart) = self.said(error)
            self.assertEqual((name, recoverable, restart), ("System", False, False))
            self.assertRegex(message, "Error: .*no.*it cannot be sent as it is: the (code|duration)")

    def test_a_kind_that_is_not_known_is_kept_and_worth_another_try_only_where_the_host_says_when(self):
        for kind, hint, recoverable in [("solar-flare", None, False), ("solar-flare", 5, True),
                                        ("solar-flare", 0, True), ("internal", 5, False),
                                        ("mailbox-full", None, True)]:
            error = types.SimpleNamespace(kind=kind, message="m", retry_after_ms=hint)
            with self.assertRaises(sdk.RuntimeFailure) as raised:
                self.wire.raise_runtime_error(error)
            failure = raised.exception
            self.assertEqual((failure.kind, failure.recoverable, failure.retry_after_ms), (kind, recoverable, hint))
            self.assertEqual(self.said(failure), ("System", ("m", recoverable, False)))

    def test_details_are_json_and_never_bytes(self):
        _, (_, _, details) = self.said(sdk.BusinessError(402, "no", b"x"))
        self.assertEqual(details, '"details are not JSON: bytes have no JSON form"')


if __name__ == "__main__":
    unittest.main()
