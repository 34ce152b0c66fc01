"""What `guest-sdk/src/args.rs` tests of the Rust SDK, of this one."""

import enum
import unittest
from dataclasses import dataclass
from typing import Any, Literal, Optional

from pulsing_guest import BusinessError, _args, _methods


class Methods:
    def pair(self, n: int, who: Optional[str]) -> None: ...
    def optional(self, n: Optional[int]) -> None: ...
    def default(self, n: int = 1) -> None: ...
    def nothing(self) -> None: ...
    def anything(self, value, other=5): ...
    def made(self, order: "Order") -> None: ...
    def size(self, size: "Optional[Size]" = None) -> None: ...
    def member(self, size: "Literal[Size.SMALL]") -> None: ...
    def odd(self, odd: "Odd", data: 'Literal[b"x"]') -> None: ...
    def raw(self, data: bytes) -> bytes: ...
    def typed(
        self,
        number: float = 0.0,
        flag: bool = False,
        numbers: list[int] = [],
        table: dict[str, int] = {},
        either: int | str = 0,
        mode: Literal["a", "b"] = "a",
        plain: list = [],
    ) -> None: ...


class Odd(enum.Enum):
    NAN = float("nan")


class Size(enum.Enum):
    SMALL = "s"
    ONE = 1


@dataclass
class Order:
    meal: str
    size: Size = Size.SMALL
    then: "Optional[Order]" = None

    def __post_init__(self):
        if not self.meal:
            raise ValueError("no meal")


METHODS = _methods.read(Methods)


def read(name: str, body: str, is_json: bool = True) -> Any:
    try:
        return _args.decode(METHODS[name], is_json, body.encode())
    except BusinessError as error:
        assert error.code == 400
        return error.message


class Arguments(unittest.TestCase):
    def test_they_come_by_name_in_any_order_or_by_position(self):
        for body in ['{"n":5,"who":"ann"}', '{"who":"ann","n":5}', '[5,"ann"]']:
            self.assertEqual(read("pair", body), {"n": 5, "who": "ann"}, body)

    def test_an_optional_one_may_be_left_out_or_null(self):
        for body in ['{"n":5}', "[5]", '{"n":5,"who":null}', "[5,null]"]:
            self.assertEqual(read("pair", body), {"n": 5, "who": None}, body)
        for body in ["", "null", "{}", "[]", "  {} "]:
            self.assertEqual(read("optional", body), {"n": None}, body)
            self.assertEqual(read("nothing", body), {}, body)

    def test_one_with_a_default_may_be_left_out_or_null(self):
        for body in ["", "{}", "[]", "[null]", '{"n":null}']:
            self.assertEqual(read("default", body), {}, body)
        self.assertEqual(read("anything", "[null,null]"), {"value": None, "other": None})

    def test_what_is_wrong_is_said_of_the_argument_by_its_name(self):
        for body, message in [
            ('{"n":"x"}', 'argument `n`: invalid type: string "x", expected an integer'),
            ('["x"]', 'argument `n`: invalid type: string "x", expected an integer'),
            ("[true]", "argument `n`: invalid type: boolean `true`, expected an integer"),
            ("[1.5]", "argument `n`: invalid type: floating point `1.5`, expected an integer"),
            ("[null]", "argument `n`: invalid type: null, expected an integer"),
            ("[[]]", "argument `n`: invalid type: sequence, expected an integer"),
            ("[{}]", "argument `n`: invalid type: map, expected an integer"),
            ('{"n":1,"who":2}', "argument `who`: invalid type: integer `2`, expected a string"),
            ("{}", "argument `n` is missing"),
            ("", "argument `n` is missing"),
            ('{"n":1,"m":2}', "unknown argument `m`; this method takes `n`, `who`"),
            ('{"n":1,"n":2}', "argument `n`: given twice"),
            ('[1,"a",2,3]', "4 arguments given; this method takes `n`, `who`"),
        ]:
            self.assertEqual(read("pair", body), message, body)

    def test_a_name_that_is_there_twice_is_no_argument_given_twice(self):
        self.assertEqual(read("anything", '{"value":{"value":1}}'), {"value": {"value": 1}})

    def test_what_is_no_object_and_no_array_is_refused(self):
        expected = "expected the arguments as a JSON object by name or a JSON array by position"
        self.assertEqual(read("pair", "5"), f"invalid type: integer `5`, {expected}")
        for body in ['{"n":1', '{"n":1} x', "[NaN]", "[1" + "0" * 5000 + "]", "[1e999]", "[" * 100_000]:
            self.assertTrue(read("pair", body).startswith("the arguments are not JSON: "), body[:20])

    def test_what_is_nested_too_deeply_is_refused_wherever_the_brackets_stand(self):
        def nested(depth, text=""):
            return '{"value":' + "[" * depth + f'"{text}"' + "]" * depth + "}"

        self.assertIn("value", read("anything", nested(127)))
        self.assertIn("nested more than 128 levels", read("anything", nested(200)))
        self.assertIn("nested more than 128 levels", read("anything", nested(200, "]" * 200)))
        self.assertIn("value", read("anything", nested(5, "[" * 1000)))
        self.assertIn("value", read("anything", nested(5, r'\\\"]{' * 1000)))
        hidden = '["]",' * 200 + "1" + "]" * 200
        self.assertIn("nested more than 128", read("anything", f'[{hidden},"' + "[" * 200 + '"]'))
        self.assertIn("value", read("anything", '{"value":[' + "[]," * 1000 + "[]]}"))

    def test_a_method_without_arguments_refuses_any(self):
        self.assertEqual(read("nothing", '{"n":1}'), "unknown argument `n`; this method takes none")
        self.assertEqual(read("nothing", "[1]"), "1 arguments given; this method takes none")

    def test_types_are_checked_inside_lists_and_objects(self):
        good = '{"number":1,"flag":true,"numbers":[1],"table":{"a":1},"either":"x","mode":"b","plain":["y"]}'
        self.assertIsInstance(read("typed", good)["number"], float)
        for body, message in [
            ('{"numbers":["x"]}', 'argument `numbers`: invalid type: string "x", expected an integer'),
            ('{"table":{"a":null}}', "argument `table`: invalid type: null, expected an integer"),
            ('{"either":1.5}', "argument `either`: invalid type: floating point `1.5`"),
            ('{"mode":"c"}', 'argument `mode`: unknown variant string "c", expected one of `a`, `b`'),
            ('{"plain":{}}', "argument `plain`: invalid type: map, expected a list"),
        ]:
            self.assertEqual(read("typed", body), message, body)

    def test_dataclasses_and_enums_are_made_of_their_json(self):
        order = Order("soup", Size.ONE, Order("pie"))
        body = '{"order":{"meal":"soup","size":1,"then":{"meal":"pie"}}}'
        self.assertEqual(read("made", body), {"order": order})
        self.assertEqual(read("size", '["s"]'), {"size": Size.SMALL})
        for name, body, message in [
            ("made", "[5]", "argument `order`: invalid type: integer `5`, expected an object, for `Order`"),
            ("made", "[{}]", "argument `order`: field `meal` is missing"),
            ("made", '[{"meal":1}]', "argument `order`: field `meal`: invalid type: integer `1`, expected a string"),
            ("made", '[{"meal":"a","m":1}]', "argument `order`: unknown field `m`"),
            ("made", '[{"meal":""}]', "argument `order`: `Order`: no meal"),
            (
                "made",
                '[{"meal":"a","then":{"meal":"b","size":"x"}}]',
                "argument `order`: field `then`: field `size`: "
                'unknown variant string "x", expected one of `s`, `1`',
            ),
            ("size", "[true]", "argument `size`: unknown variant boolean `true`, expected one of `s`, `1`"),
        ]:
            self.assertEqual(read(name, body), message, body)

    def test_a_member_of_an_enum_is_its_value_and_what_json_has_not_is_not_looked_at(self):
        self.assertEqual(read("member", '["s"]'), {"size": Size.SMALL})
        self.assertEqual(read("member", "[1]"), "argument `size`: unknown variant integer `1`, expected one of `s`")
        self.assertEqual(METHODS["member"].args_schema()["properties"], {"size": {"enum": ["s"]}})
        self.assertEqual(read("odd", "[1,2]"), {"odd": 1, "data": 2})
        self.assertEqual(METHODS["odd"].args_schema()["properties"], {"odd": True, "data": True})

    def test_bytes_are_taken_as_they_are_and_json_methods_refuse_them(self):
        self.assertEqual(read("raw", "\0x", is_json=False), {"data": b"\0x"})
        self.assertEqual(read("pair", "\0x", is_json=False), "this method takes JSON, not bytes")


if __name__ == "__main__":
    unittest.main()
