"""What `guest-sdk/src/http/{lines,events}.rs` test of the Rust SDK, of this one."""

import unittest

from pulsing_guest._text import LINE_MAX_BYTES, Events, Lines, TooLong


def parsed(parser, *pieces):
    return [item for piece in (*pieces, None) for item in parser.feed(piece)]


def events(*pieces):
    return [(event.event, event.data, event.id) for event in parsed(Events(), *pieces)]


class Text(unittest.TestCase):
    def test_lines_are_the_same_wherever_the_pieces_were_cut(self):
        text = "a\r\nä\n\rb\rrest".encode()
        for cut in range(len(text) + 1):
            found = parsed(Lines(), text[:cut], text[cut:])
            self.assertEqual(found, ["a", "ä", "", "b", "rest"], cut)

    def test_pieces_may_be_empty(self):
        self.assertEqual(parsed(Lines(), b"a\r", b"", b"\nb"), ["a", "b"])

    def test_events_are_the_same_wherever_the_pieces_were_cut(self):
        text = (
            "\ufeff: hello\r\nevent: add\ndata:  ä\rdata\r\nid: 7\n\ndata: b\n\nevent: none\n\ndata: lost"
        ).encode()
        for cut in range(len(text) + 1):
            expected = [("add", " ä\n", "7"), ("message", "b", "7")]
            self.assertEqual(events(text[:cut], text[cut:]), expected, cut)

    def test_fields_follow_the_standard(self):
        self.assertEqual(events(b"data\n\n"), [("message", "", "")])
        self.assertEqual(events(b"data:x\nid: a\0b\nretry: 5\nother\n\n"), [("message", "x", "")])
        self.assertEqual(events(b"data: \xff\n\n"), [("message", "\ufffd", "")])

    def test_a_line_and_an_event_have_a_bound(self):
        with self.assertRaises(TooLong):
            parsed(Lines(), b"x" * LINE_MAX_BYTES, b"x")
        line = b"data:" + b"x" * (LINE_MAX_BYTES // 2) + b"\n"
        with self.assertRaises(TooLong):
            events(line, line, line)


if __name__ == "__main__":
    unittest.main()
