"""Follows decisions as they are made, and goes on where it stopped.

    python follow.py PLACE_FILE [HOW_MANY]
"""

import sys
from pathlib import Path

from assent import Client

place = Path(sys.argv[1])
left = int(sys.argv[2]) if len(sys.argv) > 2 else -1
after = place.read_text().strip() if place.exists() else None
for event in Client().events(after):
    if event.kind in ("request.approved", "request.denied"):
        request = event.data.get("request") or {}
        print(event.kind, request.get("id"), flush=True)
        left -= 1
    place.write_text(event.id)
    if left == 0:
        break
