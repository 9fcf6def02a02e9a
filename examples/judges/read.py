"""Reads the event streams whose addresses are lines of standard input. Prints, for each, the events: [type, data, id]."""

import json
import sys

import httpx
from httpx_sse import connect_sse

seen = []
with httpx.Client(timeout=50, trust_env=False) as client:
    for url in sys.stdin.read().split():
        with connect_sse(client, "GET", url) as source:
            seen.append([[it.event, it.data, it.id] for it in source.iter_sse()])
print(json.dumps(seen))
