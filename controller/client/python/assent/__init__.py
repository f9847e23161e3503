"""Assent for Python: a client of the controller's REST interface.

    from assent import Client

    client = Client()                       # ASSENT_URL and ASSENT_TOKEN, else what assentctl login stored
    for request in client.request_list_all(status="pending"):
        print(request["id"], request["user"]["name"], request["subject"]["path"])

Every operation of the interface is a method of the client, named as in the
reference (/docs of your controller) with "_" for "-". Answers are plain dicts;
assent.types has their shapes for type checkers. An answer that is an error
raises Problem; a controller that can not be reached raises Unreachable.

Only the standard library is used.
"""

from . import types, webhooks
from ._client import Client, Event
from ._transport import Problem, Unreachable

__all__ = ["Client", "Event", "Problem", "Unreachable", "types", "webhooks"]
