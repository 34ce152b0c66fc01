"""What a handler is told of its message and of its life."""

import types
import unittest

import pulsing_guest as sdk
from pulsing_guest import _call, actor
from pulsing_guest._actor import read
from pulsing_guest._life import Life


def message(**said):
    whole = {"call": 5, "context": [], **dict.fromkeys(("idempotency_key", "resume_after", "remaining_ms", "caller"))}
    return types.SimpleNamespace(**{**whole, **said})


class Calls(unittest.TestCase):
    def tearDown(self):
        _call.leave()

    def test_a_handler_sees_what_its_message_says(self):
        context = [types.SimpleNamespace(name="traceparent", value="00-af-01"),
                   types.SimpleNamespace(name="__class__", value="ü")]
        _call.enter(_call.of_message(message(
            idempotency_key="k", resume_after=3, remaining_ms=1500, caller="shop:eu", context=context
        )))
        call = sdk.call()
        self.assertEqual((call.id, call.idempotency_key, call.resume_after, call.timeout), (5, "k", 3, 1.5))
        self.assertEqual(call.caller, "shop:eu")
        self.assertEqual(dict(call.context), {"traceparent": "00-af-01", "__class__": "ü"})
        with self.assertRaises(TypeError):
            call.context["traceparent"] = "another"

    def test_from_outside_there_is_no_caller_and_mostly_no_context(self):
        call = _call.of_message(message())
        self.assertIsNone(call.caller)
        self.assertEqual(dict(call.context), {})

    def test_what_nobody_called_has_neither(self):
        self.assertIsNone(sdk.call().caller)
        self.assertEqual(dict(sdk.call().context), {})

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
