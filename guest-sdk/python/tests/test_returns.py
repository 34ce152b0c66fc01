"""What a return hint says of what goes out, and that it says nothing where it cannot."""

from __future__ import annotations

import enum
import json
import typing
import unittest
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict, TypeVar, Union

from pulsing_guest import _methods, _payload, on_tell

T = TypeVar("T")


class Size(enum.Enum):
    SMALL = "s"
    ONE = 1


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.IntFlag):
    READ = 1
    WRITE = 2


class Odd(enum.Enum):
    NAN = float("nan")


@dataclass
class Order:
    meal: str
    size: Size = Size.SMALL
    then: Optional[Order] = None
    count: int = field(default=0, init=False)


@dataclass
class Big(Order):
    more: int = 1


@dataclass
class Named(str):
    other: int = 0


class Total(TypedDict):
    sum: int
    note: NotRequired[str]
    why: Annotated[NotRequired[str], "for people"]


class Loose(Total, total=False):
    next: Loose


class Point(NamedTuple):
    x: int


ORDER = {
    "type": "object",
    "properties": {
        "meal": {"type": "string"},
        "size": {"enum": ["s", 1]},
        "then": True,
        "count": {"type": "integer"},
    },
    "required": ["meal", "size", "then", "count"],
}
TEXT = {"type": "string"}
TOTAL = {"sum": {"type": "integer"}, "note": TEXT, "why": TEXT}


def described(hint: Any) -> Any:
    def method(self): ...

    method.__annotations__["return"] = hint
    (read,) = _methods.read(type("Actor", (), {"method": method})).values()
    return read.answer if read.kind == "ask" else (read.item,)


class Answers(unittest.TestCase):
    def test_a_hint_becomes_a_schema(self):
        for hint, schema in [
            (int, {"type": "integer"}),
            (float, {"type": "number"}),
            (str, TEXT),
            (bool, {"type": "boolean"}),
            (None, {"type": "null"}),
            (list, {"type": "array"}),
            (typing.List, {"type": "array"}),
            (dict, {"type": "object"}),
            (list[int], {"type": "array", "items": {"type": "integer"}}),
            (dict[str, list[Any]], {"type": "object", "additionalProperties": {"type": "array", "items": True}}),
            (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
            (tuple[int, *tuple[str, ...]], {"type": "array"}),
            (tuple[str, Any], {"type": "array", "prefixItems": [TEXT, True], "minItems": 2, "maxItems": 2}),
            (Optional[int], {"type": ["integer", "null"]}),
            (Optional[Size], {"anyOf": [{"enum": ["s", 1]}, {"type": "null"}]}),
            (Union[int, str, None], {"anyOf": [{"type": "integer"}, TEXT, {"type": "null"}]}),
            (Literal["a", 1, None], {"enum": ["a", 1, None]}),
            (Literal[Size.SMALL], {"enum": ["s"]}),
            (Annotated[int, "seconds"], {"type": "integer"}),
            (Level, {"enum": [1]}),
            (Order, ORDER),
            (Big, {"type": "object",
                   "properties": {**ORDER["properties"], "then": {**ORDER, "type": ["object", "null"]},
                                  "more": {"type": "integer"}},
                   "required": [*ORDER["required"], "more"]}),
            (Total, {"type": "object", "properties": TOTAL, "required": ["sum"]}),
            (Loose, {"type": "object", "properties": {**TOTAL, "next": True}, "required": ["sum"]}),
            (list[Loose], {"type": "array", "items": {"type": "object", "properties": {**TOTAL, "next": True},
                                                      "required": ["sum"]}}),
        ]:
            self.assertEqual(described(hint), schema, str(hint))
            json.dumps(schema)

    def test_what_cannot_be_said_for_certain_is_left_out(self):
        for hint in [Any, object, T, bytes, Optional[bytes], Union[int, Any], Rights, Odd, Literal[b"x"], Named, Point,
                     Sequence[int], Iterable[int], "Missing", type("Own", (), {}), type("Texts", (list,), {})]:
            self.assertIsNone(described(hint), str(hint))

    def test_what_is_described_is_what_goes_out(self):
        order = Big("soup", then=Order("pie", Size.ONE))
        _, body = _payload.encode(order, "the answer")
        said = json.loads(body)
        self.assertEqual(set(described(Big)["required"]), set(said))
        self.assertLess(set(described(Order)["required"]), set(said))
        self.assertNotIn("additionalProperties", described(Order))
        _, body = _payload.encode([Level.LOW, (1, "a")], "the answer")
        self.assertEqual(json.loads(body), [1, [1, "a"]])


class Items(unittest.TestCase):
    def test_they_are_described_in_the_place_of_the_answer(self):
        for hint in [Iterator[int], AsyncIterator[int], Generator[int, None, None], AsyncGenerator[int, None]]:
            self.assertEqual(described(hint), ({"type": "integer"},), str(hint))
        for hint in [Iterator, typing.AsyncIterator, Iterator[Any], Iterator[bytes]]:
            self.assertEqual(described(hint), (None,), str(hint))

    def test_a_generator_is_a_stream_whatever_is_said_of_it(self):
        class Methods:
            def some(self) -> Iterable[Optional[int]]:
                yield 1

            def wrong(self) -> int:
                yield 1

            async def none(self):
                yield 1

        methods = _methods.read(Methods)
        self.assertEqual([each.kind for each in methods.values()], ["stream"] * 3)
        self.assertEqual([each.item for each in methods.values()], [{"type": ["integer", "null"]}, None, None])
        self.assertEqual([each.answer for each in methods.values()], [None] * 3)

    def test_nothing_comes_of_a_tell(self):
        class Methods:
            @on_tell
            def log(self) -> int: ...

        (method,) = _methods.read(Methods).values()
        self.assertEqual((method.answer, method.item), (None, None))


if __name__ == "__main__":
    unittest.main()
