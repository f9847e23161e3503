"""A receiver of webhooks that believes only genuine ones, each once.

    WEBHOOK_SECRET=whsec_… python receive_webhook.py 9000
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from assent import webhooks

SECRET = os.environ["WEBHOOK_SECRET"]
seen = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), 1 << 20))
        try:
            message = webhooks.verify(SECRET, dict(self.headers.items()), body)
        except webhooks.NotGenuine:
            self.send_response(400)
            self.end_headers()
            return
        number = self.headers["webhook-id"]
        if number not in seen:
            seen.add(number)
            print(message["type"], (message["data"].get("request") or {}).get("id"), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening on port", server.server_port, flush=True)
server.serve_forever()
