"""How calls reach the controller. Nothing here knows what they are about."""

import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any, Dict, List, Mapping, Optional

MAX_ANSWER = 64 << 20  # bytes of an answer
MAX_WAIT = 30.0  # seconds that a call waits at most when it is told to slow down


class Unreachable(Exception):
    """No controller answered at the address."""


class Problem(Exception):
    """An error of the controller (RFC 9457). code is what programs look at."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail") or body.get("title") or status)
        self.decision: Optional[Dict[str, Any]] = body.get("decision")
        self.errors: List[Dict[str, Any]] = list(body.get("errors") or [])
        wrong = "".join("; {}: {}".format(e.get("location"), e.get("message")) for e in self.errors[:3])
        super().__init__("{}: {}{}".format(self.code, self.detail, wrong))


def place(value: str) -> str:
    """A value as one part of a path. Parts that would leave it are refused."""
    if value in ("", ".", ".."):
        raise ValueError("an id is missing: {!r}".format(value))
    return urllib.parse.quote(value, safe="")


def _stored() -> Dict[str, str]:
    """What assentctl login keeps, {} without it. As assentctl does, a file that
    others may read or write is not used: its token is known, or its address may
    be a trap."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    try:
        with open(os.path.join(home, "assent", "ctl.json"), encoding="utf-8") as f:
            if os.name == "posix" and os.fstat(f.fileno()).st_mode & 0o077:
                warnings.warn("{} can be read or written by others and is not used; run: chmod 600, and sign in anew".format(f.name))
                return {}
            kept = json.load(f)
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go to wherever it points."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Transport:
    """One controller and who calls it.

    url and token default to ASSENT_URL and ASSENT_TOKEN, then to what assentctl
    login stored. A private certificate authority is given as ca_file. timeout is
    in seconds, for one call.
    """

    def __init__(self, url: Optional[str] = None, token: Optional[str] = None, *, ca_file: Optional[str] = None, timeout: float = 30.0) -> None:
        kept = _stored()
        self.url = (url or os.environ.get("ASSENT_URL") or kept.get("url") or "").rstrip("/")
        if token is None:
            token = os.environ.get("ASSENT_TOKEN")
        if token is None and self.url == str(kept.get("url") or "").rstrip("/"):
            token = kept.get("token")  # a stored token goes to its own controller only
        self._token = token or ""
        self.timeout = timeout
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError("the controller's address {!r} is not http(s)://host[:port]; set ASSENT_URL or give url".format(self.url))
        context = ssl.create_default_context(cafile=ca_file)
        self._open = urllib.request.build_opener(_Stay(), urllib.request.HTTPSHandler(context=context)).open

    def call(self, method: str, path: str, *, query: Optional[Mapping[str, Any]] = None, body: Any = None, idempotency_key: Optional[str] = None) -> Any:
        """Does one operation and returns its answer, None for an empty one. A
        caller who is told to slow down waits and asks again."""
        with self.send(method, path, query=query, body=body, idempotency_key=idempotency_key) as answer:
            raw = self._read(answer)
        return json.loads(raw) if raw else None

    def download(self, method: str, path: str, *, query: Optional[Mapping[str, Any]] = None) -> bytes:
        """Reads an answer that is not JSON."""
        with self.send(method, path, query=query, accept="*/*") as answer:
            return self._read(answer)

    @staticmethod
    def _read(answer: Any) -> bytes:
        try:
            raw: bytes = answer.read(MAX_ANSWER + 1)
        except OSError as err:
            raise Unreachable("the answer broke off: {}".format(err)) from err
        if len(raw) > MAX_ANSWER:
            raise Unreachable("the answer is larger than {} bytes".format(MAX_ANSWER))
        return raw

    def send(self, method: str, path: str, *, query: Optional[Mapping[str, Any]] = None, body: Any = None, idempotency_key: Optional[str] = None,
             accept: str = "application/json", headers: Optional[Mapping[str, str]] = None) -> Any:
        """Opens one call; the caller closes what it returns."""
        address = self.url + "/api/v1" + path
        pairs = {k: ("true" if v else "false") if isinstance(v, bool) else v for k, v in (query or {}).items() if v is not None}
        if pairs:
            address += "?" + urllib.parse.urlencode(pairs)
        sent = {"Accept": accept, "User-Agent": "assent-python/1", **(headers or {})}
        data = None
        if body is not None:
            if isinstance(body, dict):
                body = {k: v for k, v in body.items() if v is not None}
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        if self._token:
            sent["Authorization"] = "Bearer " + self._token
        if idempotency_key:
            sent["Idempotency-Key"] = idempotency_key
        until = time.monotonic() + MAX_WAIT
        while True:
            try:
                return self._open(urllib.request.Request(address, data=data, headers=sent, method=method), timeout=self.timeout)
            except urllib.error.HTTPError as err:
                problem = self._problem(err)
                wait = self._wait(err)
                err.close()
                if err.code != 429 or wait is None or time.monotonic() + wait > until:
                    raise problem from None
                time.sleep(wait)
            except OSError as err:
                reason = getattr(err, "reason", err)
                raise Unreachable("no controller answered at {}: {}".format(self.url, reason)) from err

    @staticmethod
    def _wait(err: urllib.error.HTTPError) -> Optional[float]:
        try:
            return max(0.0, float(err.headers.get("Retry-After", "")))
        except ValueError:
            return None

    @staticmethod
    def _problem(err: urllib.error.HTTPError) -> Problem:
        try:
            body = json.loads(err.read(1 << 20))
        except (OSError, ValueError):
            body = None
        if not isinstance(body, dict) or "code" not in body:
            body = {"code": "unknown", "detail": "the address answered {}, which is not an answer of a controller".format(err.code)}
        return Problem(err.code, body)
