"""What is made of a response's body piece by piece, wherever the pieces were cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional, Protocol, TypeVar, Union

#: The longest line, and the most data of one event.
LINE_MAX_BYTES = 1 << 20

Item = TypeVar("Item", covariant=True)


class TooLong(Exception):
    """A line or an event has more than `LINE_MAX_BYTES`."""


class Parser(Protocol[Item]):
    """Makes items of pieces."""

    def feed(self, piece: Optional[bytes]) -> Iterator[Item]:
        """Takes the next piece; None is the end."""
        ...


class _Cutter:
    """Cuts at CRLF, LF and CR."""

    def __init__(self) -> None:
        self._rest = bytearray()
        #: An LF that comes next belongs to the CR before it.
        self._after_cr = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        if self._after_cr and piece:
            self._after_cr = False
            if piece[:1] == b"\n":
                piece = piece[1:]
        lines = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._after_cr = self._after_cr or piece.endswith(b"\r")
        for line in lines[:-1]:
            self._grow(line)
            whole, self._rest = bytes(self._rest), bytearray()
            yield whole
        self._grow(lines[-1])

    def _grow(self, part: bytes) -> None:
        if len(self._rest) + len(part) > LINE_MAX_BYTES:
            raise TooLong(f"a line has more than {LINE_MAX_BYTES} bytes")
        self._rest += part

    def rest(self) -> bytes:
        rest, self._rest = bytes(self._rest), bytearray()
        return rest


class Lines:
    """The body's lines, without their ends."""

    def __init__(self) -> None:
        self._cutter = _Cutter()

    def feed(self, piece: Optional[bytes]) -> Iterator[str]:
        """See `Parser`."""
        if piece is not None:
            for line in self._cutter.feed(piece):
                yield line.decode("utf-8")
            return
        rest = self._cutter.rest()
        if rest:
            yield rest.decode("utf-8")


@dataclass
class ServerEvent:
    """One server-sent event."""

    #: Its type; ``message`` where it names none.
    event: str
    #: Its data, lines joined by LF.
    data: str
    #: The last id that the stream has given, to take it up again by; empty where it gave none.
    id: str


class Events:
    """Server-sent events: "interpreting an event stream" of the HTML standard. What stands after the last blank line
    is no event."""

    def __init__(self) -> None:
        self._cutter = _Cutter()
        self._has_begun = False
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self._last_id = ""

    def feed(self, piece: Optional[bytes]) -> Iterator[ServerEvent]:
        """See `Parser`."""
        for raw in self._cutter.feed(piece or b""):
            # The standard decodes with replacement, and takes one byte order mark away.
            line = raw.decode("utf-8", "replace")
            if not self._has_begun:
                self._has_begun = True
                line = line.removeprefix("\ufeff")
            event = self._line(line)
            if event is not None:
                yield event

    def _line(self, line: str) -> Optional[ServerEvent]:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._event = value
        elif field == "data":
            self._size += len(value) + 1
            if self._size > LINE_MAX_BYTES:
                raise TooLong(f"an event has more than {LINE_MAX_BYTES} bytes")
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self._last_id = value
        return None

    def _dispatch(self) -> Optional[ServerEvent]:
        event, data = self._event, self._data
        self._event, self._data, self._size = "", [], 0
        return ServerEvent(event or "message", "\n".join(data), self._last_id) if data else None


AnyParser = Union[Lines, Events]
