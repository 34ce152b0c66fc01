import asyncio
import contextlib
import enum
import io
import pathlib
import re
import unittest

import pulsing_guest as sdk
from pulsing_guest import _payload
from pulsing_guest.errors import classify


def quietly(error):
    with contextlib.redirect_stderr(io.StringIO()):
        return classify(error)


class Classes(unittest.TestCase):
    def test_the_sdks_own_stay_as_they_are(self):
        for error in [sdk.BusinessError(402, "no"), sdk.SystemError("slow"), sdk.Cancelled()]:
            self.assertIs(classify(error), error)

    def test_wrong_values_are_the_callers_fault(self):
        for error in [ValueError("age must not be negative"), TypeError("age must not be negative")]:
            found = classify(error)
            self.assertIsInstance(found, sdk.BusinessError)
            self.assertEqual((found.code, found.message), (400, "age must not be negative"))
        self.assertEqual(classify(ValueError()).message, "ValueError")

    def test_all_else_is_the_actors_fault_and_may_be_tried_again(self):
        for error, message in [
            (Exception("a surprise"), "Exception: a surprise"),
            (KeyError("x"), "KeyError: 'x'"),
            (RecursionError("too deep"), "RecursionError: too deep"),
            (KeyboardInterrupt(), "KeyboardInterrupt"),
            (SystemExit(3), "SystemExit: 3"),
            (MemoryError(), "MemoryError"),
        ]:
            found = quietly(error)
            self.assertIsInstance(found, sdk.SystemError)
            self.assertEqual((found.message, found.recoverable, found.restart), (message, True, False))

    def test_what_is_told_to_stop_is_no_exception_as_in_asyncio(self):
        self.assertNotIsInstance(sdk.Cancelled(), Exception)

    def test_of_a_group_the_only_error_counts(self):
        for group, kind in [
            (ExceptionGroup("g", [ExceptionGroup("g", [sdk.BusinessError(402, "no")])]), sdk.BusinessError),
            (BaseExceptionGroup("g", [sdk.Cancelled(), asyncio.CancelledError()]), sdk.Cancelled),
            (ExceptionGroup("g", [ValueError("a"), ValueError("b")]), sdk.SystemError),
            (BaseExceptionGroup("g", [ValueError("a"), sdk.Cancelled()]), sdk.SystemError),
        ]:
            self.assertIsInstance(quietly(group), kind)

    def test_asyncios_cancellation_is_one(self):
        self.assertIsInstance(classify(asyncio.CancelledError()), sdk.Cancelled)

    def test_a_restarting_peer_is_worth_another_try_and_a_missing_one_is_not(self):
        for kind, recoverable in [("actor-restarting", True), ("mailbox-full", True), ("no-connection", True),
                                  ("actor-not-found", False), ("permission-denied", False)]:
            found = classify(sdk.RuntimeFailure(kind, "m"))
            self.assertIsInstance(found, sdk.SystemError)
            self.assertEqual((found.message, found.recoverable), ("m", recoverable), kind)

    def test_every_kind_of_the_list_is_known_and_as_recoverable_as_it_says(self):
        listed = (pathlib.Path(__file__).parents[3] / "wit" / "errors.md").read_text()
        rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (yes|no) \|$", listed, re.MULTILINE)
        known = {kind: kind in sdk.RuntimeFailure.RECOVERABLE
                 for kind in sdk.RuntimeFailure.RECOVERABLE | sdk.RuntimeFailure.FINAL}
        self.assertEqual(known, {kind: answer == "yes" for kind, answer in rows})

    def test_an_error_that_cannot_say_itself_says_its_type(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError

        self.assertEqual(quietly(Mute()).message, "Mute")

    def test_http_keeps_the_class(self):
        def found(kind, **rest):
            return classify(sdk.http.HttpError(kind, "m", **rest))

        self.assertFalse(found("denied").recoverable)
        self.assertTrue(found("connection").recoverable)
        self.assertIsInstance(found("cancelled"), sdk.Cancelled)
        self.assertEqual(found("status", status=404).code, 404)
        for status in [408, 425, 429, 500, 503]:
            self.assertTrue(found("status", status=status).recoverable)
        self.assertEqual(found("timeout", after_ms=5000).duration_ms, 5000)


class Answers(unittest.TestCase):
    def test_json_is_compact_and_utf8(self):
        self.assertEqual(_payload.encode({"a": [1, "ü"]}, "the answer"), (True, '{"a":[1,"ü"]}'.encode()))

    def test_bytes_go_as_they_are(self):
        self.assertEqual(_payload.encode(b"\0", "the answer"), (False, b"\0"))

    def test_what_is_not_json_is_the_actors_fault_for_good(self):
        circle = []
        circle.append(circle)
        for value in [{1, 2}, float("nan"), "\ud800", circle, object()]:
            with self.assertRaises(sdk.SystemError) as raised:
                _payload.encode(value, "the answer")
            self.assertFalse(raised.exception.recoverable)

    def test_an_enum_is_its_value(self):
        class Size(enum.Enum):
            SMALL = "s"

        self.assertEqual(_payload.encode([Size.SMALL], "the answer"), (True, b'["s"]'))

    def test_arguments_go_by_position_or_by_name(self):
        self.assertEqual(_payload.encode_args((), {}), (True, b""))
        self.assertEqual(_payload.encode_args((1,), {}), (True, b"[1]"))
        self.assertEqual(_payload.encode_args((), {"n": 1}), (True, b'{"n":1}'))
        self.assertEqual(_payload.encode_args((b"x",), {}), (False, b"x"))
        with self.assertRaises(TypeError):
            _payload.encode_args((1,), {"n": 1})


if __name__ == "__main__":
    unittest.main()
