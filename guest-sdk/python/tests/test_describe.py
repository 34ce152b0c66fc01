import json
import unittest
from collections.abc import AsyncIterator
from typing import Any, Literal, Optional

from pulsing_guest import _actor, _methods, actor, on_tell, resumes
from pulsing_guest._nearest import nearest


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


METHODS = vars(Everything)["__pulsing_actor__"].methods


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
                "opened": "stream",
                "log": "tell",
                "raw": "ask",
            },
        )

    def test_marks_are_kept(self):
        self.assertTrue(METHODS["numbers"].resumes)
        self.assertFalse(METHODS["tokens"].resumes)
        self.assertTrue(vars(Everything)["__pulsing_actor__"].may_passivate)

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
        found = vars(Everything)["__pulsing_actor__"]
        self.assertEqual(found.make({"a": 1}).config, {"a": 1})
        self.assertIsNone(found.make(None).config)
        with self.assertRaisesRegex(Exception, "configuration: invalid type"):
            found.make([1])

    def test_an_actor_is_found_in_its_module_and_must_be_the_only_one(self):
        import types

        module = types.ModuleType(__name__)
        with self.assertRaisesRegex(TypeError, "0 classes with @actor"):
            _actor.of(module)
        module.Everything = Everything
        self.assertIs(_actor.of(module).cls, Everything)


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
