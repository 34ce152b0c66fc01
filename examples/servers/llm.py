"""A stand-in for a language model's server, to try `llm-service` with.

    python3 examples/servers/llm.py [PORT]

Speaks the streaming part of OpenAI's chat completions: POST /v1/chat/completions with "stream": true. It says the
prompt back, a word every 50 ms. The key is `secret`. Needs Python 3, and nothing else.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer secret":
            return self.refuse(401, "wrong key")
        if request["model"] != "parrot":
            return self.refuse(404, f"there is no model `{request['model']}`")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            self.answer(request["messages"][-1]["content"])
        except ConnectionError:
            print("the reader went away", flush=True)

    def answer(self, prompt):
        words = prompt.split()
        for i, word in enumerate(words):
            time.sleep(0.05)
            self.event({"choices": [{"index": 0, "delta": {"content": word if i == 0 else f" {word}"}}]})
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, data):
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def refuse(self, status, message):
        body = json.dumps({"error": {"message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), Model)
    print(f"serving http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
