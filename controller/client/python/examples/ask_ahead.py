"""Asks for administrator rights on somebody's machine for a window ahead.

    python ask_ahead.py ENDPOINT USER 2026-11-24T20:00:00Z
"""

import sys

from assent import Client

endpoint, user, start = sys.argv[1:]
request = Client().request_new(access_type="admin", endpoint=endpoint, for_user=user, start=start, duration_seconds=1800,
                               justification="update of the database, planned for tonight")
print(request["id"], request["state"])
