"""A web service for the tools beside it: weather, customers and orders, on loopback.

``python examples/stand_in.py [PORT]``; without a port it is 8099, 0 takes a free one.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

WEATHER = {"bath": "sunny, 21 degrees", "york": "light rain, 14 degrees"}
CUSTOMERS = {
    "2000": {
        "name": "Ada Marlow",
        "orders": [{"id": 1041, "delivered": True}, {"id": 1042, "delivered": False}],
    },
}
ORDERS = {
    "1041": {"state": "delivered", "days": 0},
    "1042": {"state": "on its way", "days": 2},
}


def find(target: str) -> object:
    """Return what is asked for, or None."""
    url = urlsplit(target)
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    match url.path.strip("/").split("/"):
        case ["weather"]:
            summary = WEATHER.get(asked.get("town", "").lower())
            return {"today": {"summary": summary}} if summary else None
        case ["customers"]:
            return CUSTOMERS.get(asked.get("number", ""))
        case ["orders", order]:
            return ORDERS.get(order)
        case _:
            return None


class Handler(BaseHTTPRequestHandler):
    """Answers GET with JSON."""

    def do_GET(self) -> None:
        """Answer one request."""
        found = find(self.path)
        body = json.dumps(found if found is not None else {"error": "unknown"}).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
