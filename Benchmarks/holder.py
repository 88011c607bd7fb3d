"""A provider that reads every request whole and answers none between GET /hold and GET /release: holder.py PORT ANSWER

It counts who waits at GET /waiting. A body is read into one buffer that all connections share, and forgotten.
"""

import asyncio
import pathlib
import re
import sys

#: Bytes.
LONGEST_HEAD = 64 << 10


class Connection(asyncio.BufferedProtocol):
    """One client: its requests one after the other, for none is sent before the last one is answered."""

    waiting = set()
    is_holding = False
    answer = b""
    scratch = bytearray(1 << 20)

    def connection_made(self, transport):
        self.transport = transport
        self.head = bytearray()
        #: Bytes of the body that are still to come; None while the head is.
        self.missing = None

    def get_buffer(self, _):
        return self.scratch

    def buffer_updated(self, count):
        if self.missing is None:
            self.head += self.scratch[:count]
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                assert len(self.head) < LONGEST_HEAD
                return
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", self.head[: end + 2])
            count = len(self.head) - end - 4
            self.missing = int(length[1]) if length else 0
        self.missing -= count
        if self.missing == 0:
            self.respond(bytes(self.head.split(b" ", 2)[1]))
            self.head.clear()
            self.missing = None

    def respond(self, path):
        if path == b"/waiting":
            self.send(str(len(self.waiting)).encode())
        elif path in (b"/hold", b"/release"):
            Connection.is_holding = path == b"/hold"
            self.send(b"{}")
            while not self.is_holding and self.waiting:
                self.waiting.pop().send(self.answer)
        elif path == b"/healthz":
            self.send(b"{}")
        elif self.is_holding:
            self.waiting.add(self)
        else:
            self.send(self.answer)

    def send(self, body):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    def connection_lost(self, _):
        self.waiting.discard(self)


async def main(port, answer):
    Connection.answer = pathlib.Path(answer).read_bytes()
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", int(port), backlog=4096)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
