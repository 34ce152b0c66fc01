import functools
import json
import unittest
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal, Optional

from pulsing_guest import _actor, _methods, actor, on_tell, resumes
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
        schema = json.loads(METHODS["plain"].args_schema())
        self.assertEqual(
            schema,
            {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "who": {"type": ["string", "null"]}},
                "required": ["n"],
                "additionalProperties": False,
            },
        )
        properties = json.loads(METHODS["waits"].args_schema())["properties"]
        self.assertEqual(properties["x"], {"type": "array", "items": {"type": ["number", "null"]}})
        self.assertEqual(properties["y"], {"anyOf": [{"type": "integer"}, {"type": "string"}]})
        properties = json.loads(METHODS["numbers"].args_schema())["properties"]
        self.assertEqual(properties["mode"], {"enum": ["up", "down"]})
        self.assertEqual(json.loads(METHODS["log"].args_schema())["properties"], {"entry": True})

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
        schema = json.loads(METHODS["partly"].args_schema())["properties"]
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
