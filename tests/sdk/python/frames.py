"""Reads event-stream frames with botocore's decoder: `frames.py < BYTES`, fed in pieces.

Prints one JSON line for each frame: its headers, and its payload in base64.
"""

import base64
import json
import sys

from botocore.eventstream import EventStreamBuffer

PIECE = 1021


def main():
    data, buffer = sys.stdin.buffer.read(), EventStreamBuffer()
    for start in range(0, len(data), PIECE):
        buffer.add_data(data[start : start + PIECE])
        for event in buffer:
            payload = base64.b64encode(event.payload).decode()
            print(json.dumps({"headers": event.headers, "payload": payload}))


main()
