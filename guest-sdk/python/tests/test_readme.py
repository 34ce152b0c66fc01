"""The actor in the README can be imported, and does what the README says."""

import asyncio
import pathlib
import re
import types
import unittest

from pulsing_guest import BusinessError

README = pathlib.Path(__file__).parent.parent / "README.md"


def kitchen() -> types.ModuleType:
    """The module that the README shows."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, "the README shows one actor"
    module = types.ModuleType("kitchen")
    exec(compile(blocks[0], str(README), "exec"), module.__dict__)
    return module


class Readme(unittest.TestCase):
    def test_the_actor_counts(self) -> None:
        actor = kitchen().Kitchen()
        self.assertEqual(actor.count(), 0)
        actor.served += 1
        self.assertEqual(actor.count(), 1)

    def test_a_business_error_comes_before_the_wait(self) -> None:
        with self.assertRaises(BusinessError) as raised:
            asyncio.run(kitchen().Kitchen().cook("stone soup"))
        self.assertEqual(raised.exception.code, 404)

    def test_what_needs_a_host_says_so(self) -> None:
        with self.assertRaises(RuntimeError):
            asyncio.run(kitchen().Kitchen().cook("soup"))


if __name__ == "__main__":
    unittest.main()
