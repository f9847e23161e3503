"""The client: every operation, and the stream of events."""

import json
import time
from typing import Any, Dict, Iterator, NamedTuple, Optional

from .operations import Operations
from ._transport import Unreachable


class Event(NamedTuple):
    """One event. kind is an audit kind such as "request.submitted", or "reset"
    when the place to go on from is not known any more: read the lists anew."""

    kind: str
    id: str
    data: Dict[str, Any]


class Client(Operations):
    """A client of one controller. See Transport for its arguments."""

    def events(self, last_event_id: Optional[str] = None, *, reconnect: bool = True) -> Iterator[Event]:
        """Every event from now on, or after the one with that id, as it happens.

        Keep the id of the last one that you have dealt with: giving it again
        loses nothing. A broken stream is opened anew from there, unless
        reconnect is False.
        """
        wait = 1.0
        while True:
            try:
                for event in self._stream(last_event_id):
                    wait = 1.0
                    last_event_id = event.id or last_event_id
                    yield event
                broken = Unreachable("the stream ended")
            except Unreachable as err:
                broken = err
            if not reconnect:
                raise broken
            time.sleep(wait)
            wait = min(wait * 2, 30.0)

    def _stream(self, last_event_id: Optional[str]) -> Iterator[Event]:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else None
        with self.send("GET", "/events", accept="text/event-stream", headers=headers) as answer:
            kind, number, data = "", "", []
            while True:
                try:
                    raw = answer.readline(1 << 20)
                except OSError as err:
                    raise Unreachable("the stream broke: {}".format(err)) from err
                if not raw:
                    return
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line == "":
                    if kind:
                        yield Event(kind, number, json.loads("".join(data)) if data else {})
                    kind, number, data = "", "", []
                    continue
                name, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if name == "event":
                    kind = value
                elif name == "id":
                    number = value
                elif name == "data":
                    data.append(value)
