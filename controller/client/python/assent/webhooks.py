"""For whoever receives Assent's webhooks: are they genuine?

They are signed as the Standard Webhooks specification says
(https://www.standardwebhooks.com): HMAC-SHA256 over "id.timestamp.body".
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import Any, Dict, Mapping, Optional, Union

TOLERANCE = 300.0  # seconds that the sender's clock may differ


class NotGenuine(Exception):
    """The message is not from somebody who knows the secret, or too old."""


def verify(secret: str, headers: Mapping[str, str], body: Union[bytes, str], *, now: Optional[float] = None) -> Dict[str, Any]:
    """Returns the message of a genuine call, else raises NotGenuine.

    secret is what the controller showed once (whsec_…), headers and body are the
    call's. Remember the header webhook-id: a repeated delivery has the same.
    """
    raw = body.encode() if isinstance(body, str) else body
    named = {k.lower(): v for k, v in headers.items()}
    number, stamp, given = (named.get("webhook-" + k, "") for k in ("id", "timestamp", "signature"))
    try:
        key = base64.b64decode(secret[len("whsec_"):] if secret.startswith("whsec_") else secret, validate=True)
        sent = int(stamp)
    except (binascii.Error, ValueError):
        raise NotGenuine("the secret or the timestamp can not be read") from None
    if not key or not number:
        raise NotGenuine("the secret or the id is empty")
    if abs((time.time() if now is None else now) - sent) > TOLERANCE:
        raise NotGenuine("the message is too old, or the clocks differ")
    signed = number.encode() + b"." + stamp.encode() + b"." + raw
    want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for one in given.split():
        version, _, signature = one.partition(",")
        if version == "v1" and hmac.compare_digest(signature, want):
            message = json.loads(raw)
            if not isinstance(message, dict):
                raise NotGenuine("the message is no object")
            return message
    raise NotGenuine("no signature fits")
