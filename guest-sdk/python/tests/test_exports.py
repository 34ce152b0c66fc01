"""The exports of a serial actor, over bindings that only keep what they are given."""

import importlib
import json
import sys
import types
import unittest
from unittest import mock

import pulsing_guest as sdk
from pulsing_guest import _call, _host, actor


class Bindings(types.ModuleType):
    Encoding = types.SimpleNamespace(JSON="json", BYTES="bytes")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *args: setattr(self, "args", args)})


class Err(Exception):
    def __init__(self, value):
        self.value = value


def forget():
    """Has what needs bindings imported anew."""
    for name in ("_serial", "_wire"):
        sys.modules.pop(f"pulsing_guest.{name}", None)
        vars(sdk).pop(name, None)


def record(**members):
    return types.SimpleNamespace(**members)


def payload(value):
    return record(encoding="json", body=json.dumps(value).encode())


@actor(restart="always")
class Shop:
    def who(self) -> list:
        """Says who is who."""
        call = sdk.call()
        return [sdk.name(), sdk.key(), call.caller, dict(call.context)]


class Exports(unittest.TestCase):
    def setUp(self):
        imports = Bindings("wit_world.imports")
        imports.types, imports.system = Bindings("types"), Bindings("system")
        imports.http, imports.http_types = Bindings("http"), Bindings("http_types")
        made = {"wit_world": Bindings("wit_world"), "wit_world.imports": imports,
                "wit_world.imports.types": imports.types, "componentize_py_types": types.ModuleType("types")}
        made["wit_world"].exports, made["wit_world"].imports = Bindings("exports"), imports
        made["componentize_py_types"].Err = Err
        bound = _host.either()
        forget()
        self.addCleanup(forget)
        with mock.patch.dict(sys.modules, made):
            serial = importlib.import_module("pulsing_guest._serial")
        self.addCleanup(vars(_call.this).clear)
        self.addCleanup(_host.bind, bound)
        self.addCleanup(_call.leave)
        module = types.ModuleType(__name__)
        module.Shop = Shop
        self.exports = serial.exports(module)()
        self.system = imports.system

    def handle(self, method):
        return self.exports.handle(record(
            call=5, method=method, args=payload([]), idempotency_key=None, resume_after=None, remaining_ms=None,
        ))

    def test_it_is_described_by_a_text(self):
        said = json.loads(self.exports.describe())
        self.assertEqual(said["restart"], {"policy": "always"})
        self.assertEqual([method["name"] for method in said["methods"]], ["who"])
        self.assertEqual(said["methods"][0]["answer"], {"type": "array"})

    def test_a_life_has_its_key_and_a_handler_its_caller_and_context(self):
        for key, caller, context in [("eu", "till:2", {"traceparent": "00"}), (None, None, {})]:
            self.exports.start(record(name="shop", key=key, generation=0, config=payload(None)))
            entries = [record(name=name, value=value) for name, value in context.items()]
            self.system.caller = {5: caller}.__getitem__
            self.system.context = {5: entries}.__getitem__
            (value,) = self.handle("who").args
            self.assertEqual(json.loads(value.args[1]), ["shop", key, caller, context])


if __name__ == "__main__":
    unittest.main()
