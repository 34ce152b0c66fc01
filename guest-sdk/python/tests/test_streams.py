import asyncio
import contextlib
import io
import unittest

from pulsing_guest import Cancelled, SystemError, _streams
from pulsing_guest._call import Call
from pulsing_guest._streams import BATCH_BYTES, Table


def items(batch):
    return [body.decode() for _, body in batch[0]], batch[1]


class Streams(unittest.TestCase):
    def setUp(self):
        self.table = Table()

    def open(self, source, resume_after=None, resumes=False):
        return self.table.open(source, Call(1, resume_after=resume_after), resumes)

    def draw(self, id, max_items=9):
        return items(self.table.draw(id, max_items))

    def draw_async(self, id, max_items=9):
        return items(asyncio.run(self.table.draw_async(id, max_items)))

    def test_a_draw_holds_as_many_as_were_asked_for(self):
        id = self.open(iter(range(3)))
        self.assertEqual(self.draw(id, 2), (["0", "1"], False))
        self.assertEqual(self.draw(id, 2), (["2"], True))
        self.assertEqual(len(self.table), 0)

    def test_a_draw_stops_once_it_is_large(self):
        id = self.open("x" * (BATCH_BYTES // 2) for _ in range(9))
        self.assertEqual(len(self.draw(id)[0]), 2)

    def test_a_draw_stops_after_an_item_that_was_waited_for(self):
        call = Call(1)

        def waits():
            for n in range(3):
                call.waited = True
                yield n

        id = self.table.open(waits(), call, False)
        self.assertEqual(self.draw(id), (["0"], False))

    def test_nothing_is_made_ahead(self):
        made = []
        id = self.open(made.append(n) for n in range(9))
        self.draw(id, 2)
        self.assertEqual(made, [0, 1])

    def test_a_stream_taken_up_again_skips_what_the_reader_has(self):
        self.assertEqual(self.draw(self.open(iter(range(5)), resume_after=3)), (["3", "4"], True))
        self.assertEqual(self.draw(self.open(iter(range(2)), resume_after=0)), (["0", "1"], True))
        self.assertEqual(self.draw(self.open(iter(range(5)), resume_after=9)), ([], True))
        self.assertEqual(self.draw(self.open(iter(range(2)), resume_after=1, resumes=True)), (["0", "1"], True))

    def test_items_before_an_error_are_handed_over(self):
        def breaks():
            yield 1
            raise ValueError("broken")

        id = self.open(breaks())
        self.assertEqual(self.draw(id), (["1"], False))
        with self.assertRaisesRegex(Exception, "broken"):
            self.draw(id)
        self.assertEqual(len(self.table), 0)

    def test_an_item_that_is_not_json_ends_the_stream(self):
        closed = []

        def bad():
            try:
                yield {1}
            finally:
                closed.append(True)

        id = self.open(bad())
        with self.assertRaises(SystemError):
            self.draw(id)
        self.assertEqual(closed, [True])

    def test_a_closed_generator_runs_its_finally(self):
        closed = []

        def forever():
            try:
                while True:
                    yield 1
            finally:
                closed.append(True)

        id = self.open(forever())
        self.draw(id)
        self.table.close(id)
        self.assertEqual(closed, [True])
        with self.assertRaisesRegex(SystemError, f"no stream {id} is open"):
            self.draw(id)

    def test_a_generator_that_will_not_close_harms_nobody(self):
        def stubborn():
            while True:
                try:
                    yield 1
                except GeneratorExit:
                    pass

        id = self.open(stubborn())
        self.draw(id, 1)
        with contextlib.redirect_stderr(io.StringIO()):
            self.table.close(id)

    def test_an_async_generator_gives_one_item_a_draw(self):
        async def two():
            yield 1
            yield 2

        async def draws(id):
            return [items(await self.table.draw_async(id, 9)) for _ in range(3)]

        expected = [(["1"], False), (["2"], False), ([], True)]
        self.assertEqual(asyncio.run(draws(self.open(two()))), expected)

    def test_an_async_generator_that_is_closed_between_draws_runs_its_finally(self):
        closed = []

        async def forever():
            try:
                while True:
                    yield 1
            finally:
                closed.append(True)

        async def draw_and_close():
            id = self.open(forever())
            await self.table.draw_async(id, 1)
            self.table.close(id)

        asyncio.run(draw_and_close())
        self.assertEqual(closed, [True])

    def test_an_async_generator_that_is_closed_while_it_waits_is_closed_when_the_wait_ends(self):
        closed = []

        async def waits(event):
            try:
                await event.wait()
                yield 1
            finally:
                closed.append(True)

        async def close_while_drawn():
            event = asyncio.Event()
            id = self.open(waits(event))
            draw = asyncio.ensure_future(self.table.draw_async(id, 1))
            await asyncio.sleep(0)
            self.table.close(id)
            self.assertEqual(closed, [])
            event.set()
            with self.assertRaises(Cancelled):
                await draw

        asyncio.run(close_while_drawn())
        self.assertEqual(closed, [True])

    def test_an_async_generator_cannot_wait_while_it_is_closed(self):
        seen = []

        async def waits():
            try:
                yield 1
            finally:
                try:
                    await asyncio.sleep(1)
                except BaseException as error:
                    seen.append(type(error))

        async def draw_and_close():
            id = self.open(waits())
            await self.table.draw_async(id, 1)
            self.table.close(id)

        with contextlib.redirect_stderr(io.StringIO()):
            asyncio.run(draw_and_close())
        self.assertEqual(seen, [GeneratorExit])

    def test_a_serial_actor_has_no_async_generators(self):
        async def one():
            yield 1

        self.table = Table("serial")
        with self.assertRaisesRegex(SystemError, "overlapping"):
            self.open(one())
        self.assertEqual(len(self.table), 0)

    def test_numbers_are_never_given_twice(self):
        ids = [self.open(iter(())) for _ in range(3)]
        self.table.close_all()
        self.assertEqual(len({*ids, self.open(iter(()))}), 4)
        self.assertTrue(_streams.SKIP_STEP > 0)


if __name__ == "__main__":
    unittest.main()
