import functools
import json
import unittest
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal, Optional

from pulsing_guest import _actor, _describe, _methods, actor, on_tell, resumes
from pulsing_guest._nearest import nearest


if TYPE_CHECKING:
    from nowhere import Unknown


def logged(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


class Base:
    def inherited(self): ...


@actor(may_passivate=True)
class Everything(Base):
    limit = 5

    def __init__(self, config: Optional[dict[str, int]] = None):
        self.config = config

    def plain(self, n: int, who: Optional[str] = None) -> str:
        """Says hello.

        At length.
        """

    async def waits(self, x: list[Optional[float]] = [], y: "int | str" = 1) -> None: ...

    @resumes
    def numbers(self, mode: Literal["up", "down"] = "up"):
        yield 1

    async def tokens(self, prompt: str):
        yield prompt

    def later(self) -> "Items": ...

    def partly(self, n: "int", other: "Unknown"): ...

    @logged
    def wrapped(self):
        yield 1

    async def opened(self) -> AsyncIterator[str]: ...

    @on_tell
    async def log(self, entry: Any): ...

    def raw(self, data: bytes) -> bytes: ...

    async def on_start(self): ...

    def _private(self): ...

    @property
    def size(self): ...

    @staticmethod
    def helper(): ...


Items = AsyncIterator[int]
METHODS = _actor.read(Everything).methods
ARGS_NONE = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


class Description(unittest.TestCase):
    def test_public_functions_are_methods_of_their_kind(self):
        self.assertEqual(
            {name: method.kind for name, method in METHODS.items()},
            {
                "inherited": "ask",
                "plain": "ask",
                "waits": "ask",
                "numbers": "stream",
                "tokens": "stream",
                "later": "stream",
                "partly": "ask",
                "wrapped": "stream",
                "opened": "stream",
                "log": "tell",
                "raw": "ask",
            },
        )

    def test_marks_are_kept(self):
        self.assertTrue(METHODS["numbers"].resumes)
        self.assertFalse(METHODS["tokens"].resumes)
        self.assertTrue(_actor.read(Everything).may_passivate)

    def test_the_doc_is_the_methods(self):
        self.assertEqual(METHODS["plain"].doc, "Says hello.\n\nAt length.")

    def test_hints_become_a_schema(self):
        schema = METHODS["plain"].args_schema()
        self.assertEqual(
            schema,
            {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "who": {"type": ["string", "null"]}},
                "required": ["n"],
                "additionalProperties": False,
            },
        )
        properties = METHODS["waits"].args_schema()["properties"]
        self.assertEqual(properties["x"], {"type": "array", "items": {"type": ["number", "null"]}})
        self.assertEqual(properties["y"], {"anyOf": [{"type": "integer"}, {"type": "string"}]})
        properties = METHODS["numbers"].args_schema()["properties"]
        self.assertEqual(properties["mode"], {"enum": ["up", "down"]})
        self.assertEqual(METHODS["log"].args_schema()["properties"], {"entry": True})

    def test_bytes_have_no_schema(self):
        self.assertIsNone(METHODS["raw"].args_schema())

    def test_arguments_without_a_name_are_refused(self):
        class Bad:
            def many(self, *args): ...

        with self.assertRaisesRegex(TypeError, "`many`"):
            _methods.read(Bad)

    def test_the_configuration_is_checked_and_may_be_missing(self):
        found = _actor.read(Everything)
        self.assertEqual(found.make({"a": 1}).config, {"a": 1})
        self.assertIsNone(found.make(None).config)
        with self.assertRaisesRegex(Exception, "configuration: invalid type"):
            found.make([1])

    def test_an_actor_is_found_in_its_module_and_must_be_the_only_one(self):
        import types

        module = types.ModuleType(__name__)
        with self.assertRaisesRegex(TypeError, "0 classes with @actor"):
            _actor.of(module)
        module.Everything = module.Service = Everything
        self.assertIs(_actor.of(module).cls, Everything)

    def test_a_hint_may_be_of_what_stands_below(self):
        self.assertEqual(METHODS["later"].kind, "stream")
        schema = METHODS["partly"].args_schema()["properties"]
        self.assertEqual(schema, {"n": {"type": "integer"}, "other": True})

    def test_a_decorated_generator_is_a_stream(self):
        self.assertEqual(METHODS["wrapped"].kind, "stream")

    def test_a_method_that_would_get_lost_is_refused(self):
        class Cached:
            @functools.cache
            def fib(self, n: int) -> int: ...

        class Partial:
            def _add(self, n: int): ...

            add = functools.partialmethod(_add, 1)

        for bad in (Cached, Partial):
            with self.assertRaisesRegex(TypeError, "in the place of a function"):
                _methods.read(bad)

    def test_nobody_takes_the_items_of_a_tell(self):
        class Bad:
            @on_tell
            def log(self):
                yield 1

        with self.assertRaisesRegex(TypeError, "`log` is `@on_tell` and has a `yield`"):
            _methods.read(Bad)

    def test_a_serial_actor_has_nothing_that_is_async(self):
        import types

        @actor
        class Hidden:
            plain = logged(Everything.waits)

        @actor
        class Hook:
            async def on_start(self): ...

        @actor
        class Plain:
            def plain(self): ...

        for cls, name in [(Hidden, "plain"), (Hook, "on_start"), (Plain, None)]:
            module = types.ModuleType(__name__)
            module.cls = cls
            if name is None:
                self.assertIs(_actor.serial_of(module).cls, cls)
                continue
            with self.assertRaisesRegex(TypeError, f"`{name}` is async: say `@actor"):
                _actor.serial_of(module)

    def test_what_the_host_is_given_is_json(self):
        said = json.loads(_describe.description(_actor.read(Everything)))
        self.assertEqual(list(said), ["methods"])
        methods = {method.pop("name"): method for method in said["methods"]}
        self.assertEqual(list(methods), list(METHODS))
        self.assertEqual(
            methods["plain"],
            {
                "kind": "ask",
                "doc": "Says hello.\n\nAt length.",
                "args": METHODS["plain"].args_schema(),
                "answer": {"type": "string"},
            },
        )
        self.assertEqual(methods["later"], {"kind": "stream", "args": ARGS_NONE, "item": {"type": "integer"}})
        self.assertEqual(methods["raw"], {"kind": "ask"})
        self.assertEqual(list(methods["log"]), ["kind", "args"])

    def test_what_the_host_would_refuse_is_refused_before(self):
        many = type("Many", (), {f"m{n}": lambda self: None for n in range(1025)})
        with self.assertRaisesRegex(ValueError, "1025 methods, which is more than 1024"):
            _describe.description(_actor.read(actor(many)))

        @actor
        class Long:
            def plain(self): ...

            plain.__doc__ = "x" * (1 << 20)

        with self.assertRaisesRegex(ValueError, r"has 1048\d+ bytes, which is more than 1048576"):
            _describe.description(_actor.read(Long))

    def test_half_a_surrogate_pair_is_described_as_something_else(self):
        @actor
        class Half:
            def plain(self, mode: Literal["\ud800"]): ...

            plain.__doc__ = "\ud800"

        (method,) = json.loads(_describe.description(_actor.read(Half)))["methods"]
        self.assertEqual((method["doc"], method["args"]["properties"]["mode"]), ("?", {"enum": ["?"]}))


class Restarts(unittest.TestCase):
    def test_what_is_wanted_is_described_and_what_is_not_said_is_left_out(self):
        def said(**wanted):
            made = actor(**wanted)(type("Made", (), {"plain": lambda self: None}))
            return json.loads(_describe.description(_actor.read(made))).get("restart")

        wanted = {"max_restarts": 0, "min_backoff_ms": 5, "max_backoff_ms": 5}
        self.assertEqual(said(restart="on_failure", **wanted), {"policy": "on_failure", **wanted})
        self.assertEqual(said(restart="never"), {"policy": "never"})
        self.assertEqual(said(max_restarts=3), {"max_restarts": 3})
        self.assertIsNone(said(overlapping=True))

    def test_a_wrong_value_is_an_error_that_names_the_argument(self):
        for wrong, error, message in [
            ({"restart": "sometimes"}, ValueError, '`restart` must be one of "never", "on_failure", "always", not'),
            ({"restart": True}, ValueError, "`restart`"),
            ({"max_restarts": -1}, ValueError, "`max_restarts` must be from 0"),
            ({"max_restarts": 1 << 32}, ValueError, "`max_restarts`"),
            ({"max_restarts": True}, TypeError, "`max_restarts` must be a whole number"),
            ({"min_backoff_ms": 1.5}, TypeError, "`min_backoff_ms` must be a whole number"),
            ({"max_backoff_ms": "1s"}, TypeError, "`max_backoff_ms` must be a whole number"),
            ({"min_backoff_ms": 2, "max_backoff_ms": 1}, ValueError, r"`min_backoff_ms` \(2\) is more than `max_b"),
        ]:
            with self.assertRaisesRegex(error, message):
                actor(**wrong)


class Nearest(unittest.TestCase):
    def test_a_slip_is_recognised_and_another_word_is_not(self):
        for wanted, found in [
            ("incremnet", "increment"),
            ("increments", "increment"),
            ("gte", "get"),
            ("decrement", "increment"),
            ("history", None),
            ("", None),
            ("x" * 1_000_000, None),
        ]:
            self.assertEqual(nearest(wanted, ["increment", "get", "reset"]), found, wanted[:9])


if __name__ == "__main__":
    unittest.main()
