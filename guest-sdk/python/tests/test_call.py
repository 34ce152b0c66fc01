"""What a handler is told of its message and of its life."""

import types
import unittest

import pulsing_guest as sdk
from pulsing_guest import _call, _host, actor
from pulsing_guest._actor import read
from pulsing_guest._life import Life


def message(**said):
    whole = {"call": 5, **dict.fromkeys(("idempotency_key", "resume_after", "remaining_ms"))}
    return types.SimpleNamespace(**{**whole, **said})


class System:
    """`caller` and `context` as the host has them, for the calls that it is given."""

    def __init__(self):
        self.calls, self.asked = {}, []

    def begin(self, call, caller, context):
        self.calls[call] = (caller, context)

    def caller(self, call):
        self.asked.append(("caller", call))
        return self.calls.get(call, (None, {}))[0]

    def context(self, call):
        self.asked.append(("context", call))
        entries = self.calls.get(call, (None, {}))[1]
        return [types.SimpleNamespace(name=name, value=value) for name, value in entries.items()]


class Calls(unittest.TestCase):
    def setUp(self):
        self.system = System()

    def bind(self, world):
        self.addCleanup(_host.bind, _host.either())
        _host.bind(_host.Host(world, self.system, None, None, None))

    def tearDown(self):
        _call.leave()

    def test_a_handler_sees_what_its_message_says(self):
        _call.enter(_call.of_message(message(idempotency_key="k", resume_after=3, remaining_ms=1500)))
        call = sdk.call()
        self.assertEqual((call.id, call.idempotency_key, call.resume_after, call.timeout), (5, "k", 3, 1.5))

    def test_the_caller_and_the_context_are_those_of_the_call(self):
        for world in ("serial", "overlapping"):
            self.bind(world)
            self.system.begin(5, "shop:eu", {"traceparent": "00-af-01", "__class__": "ü"})
            self.system.begin(6, "till", {"traceparent": "00-b0-01"})
            one, other = _call.of_message(message()), _call.of_message(message(call=6))
            self.assertEqual((one.caller, other.caller), ("shop:eu", "till"))
            self.assertEqual(dict(one.context), {"traceparent": "00-af-01", "__class__": "ü"})
            self.assertEqual(dict(other.context), {"traceparent": "00-b0-01"})
            with self.assertRaises(TypeError):
                one.context["traceparent"] = "another"
            with self.assertRaises(AttributeError):
                one.caller = "another"

    def test_the_host_is_asked_once_and_only_by_who_wants_to_know(self):
        self.bind("serial")
        self.system.begin(5, "shop:eu", {"a": "1"})
        _call.enter(_call.of_message(message()))
        self.assertEqual(self.system.asked, [])
        self.assertEqual((sdk.call().caller, sdk.call().caller), ("shop:eu", "shop:eu"))
        self.assertEqual(self.system.asked, [("caller", 5)])
        self.assertEqual((dict(sdk.call().context), dict(sdk.call().context)), ({"a": "1"}, {"a": "1"}))
        self.assertEqual(self.system.asked, [("caller", 5), ("context", 5)])
        # What has been read stays, when the host has forgotten the call.
        self.system.calls.clear()
        self.assertEqual((sdk.call().caller, dict(sdk.call().context)), ("shop:eu", {"a": "1"}))

    def test_that_there_is_none_is_asked_once_too(self):
        self.bind("serial")
        call = _call.of_message(message())
        for _ in range(2):
            self.assertIsNone(call.caller)
            self.assertEqual(dict(call.context), {})
        self.assertEqual(self.system.asked, [("caller", 5), ("context", 5)])

    def test_what_nobody_called_has_neither_and_asks_no_host(self):
        self.bind("serial")
        self.assertIsNone(sdk.call().caller)
        self.assertEqual(dict(sdk.call().context), {})
        self.assertEqual(self.system.asked, [])

    def test_without_a_host_there_is_neither(self):
        self.addCleanup(_host.bind, _host.either())
        _host.bind(None)
        call = _call.of_message(message())
        self.assertIsNone(call.caller)
        self.assertEqual(dict(call.context), {})

    def test_a_life_begins_with_its_name_its_key_and_its_number(self):
        self.addCleanup(vars(_call.this).clear)

        @actor
        class Begun:
            def __init__(self, config=None):
                self.begun = (sdk.name(), sdk.key(), sdk.generation(), sdk.config(), config)

        life = Life(read(Begun), "serial")
        life.begin("shop", "eu", 2, (True, b"[1]"))
        self.assertEqual(life.instance.begun, ("shop", "eu", 2, [1], [1]))
        life.begin("shop", None, 0, (True, b""))
        self.assertEqual(life.instance.begun, ("shop", None, 0, None, None))


if __name__ == "__main__":
    unittest.main()
