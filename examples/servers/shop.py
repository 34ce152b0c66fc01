"""A small web service to try the examples with: users, their orders and their preferences.

    python3 examples/servers/shop.py [PORT]

Each answer takes 50 ms, so that one can see what overlaps. Needs Python 3, and nothing else.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USERS = {"1": {"id": "1", "name": "Ann"}, "2": {"id": "2", "name": "Bob"}}
ORDERS = {"1": [{"id": "o1", "total": 20}, {"id": "o2", "total": 22}], "2": []}
PREFERENCES = {"1": {"language": "en"}, "2": {"language": "fr"}}
SHELVES = {"users": USERS, "orders": ORDERS, "preferences": PREFERENCES}


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.05)
        shelf, _, key = self.path.strip("/").partition("/")
        found = SHELVES.get(shelf, {}).get(key)
        body = json.dumps({"error": "not found"} if found is None else found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), Shop)
    print(f"serving http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
