"""Tests of the actor's own class, without a host."""

import unittest

from actor import Counter


class TestCounter(unittest.TestCase):
    def test_a_counter_counts_and_remembers(self) -> None:
        counter = Counter()
        self.assertEqual(counter.increment(5), 5)
        self.assertEqual(counter.increment(), 6)
        self.assertEqual(counter.get_average(), 5.5)
        self.assertEqual(counter.history(), [5, 6])
        counter.reset()
        self.assertEqual(counter.get(), 0)


if __name__ == "__main__":
    unittest.main()
