"""Load: wrk where one request over and over will do, and sockets of our own where every single one counts."""

import collections
import json
import pathlib
import re
import resource
import selectors
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).parent
#: Seconds that a request may take before wrk counts it as late.
PATIENCE = 60


class Request:
    """What is sent, by whomever."""

    def __init__(self, method, path, body=None, content_type="application/json"):
        self.method = method
        self.path = path
        self.body = json.dumps(body).encode() if isinstance(body, dict) else body or b""
        self.content_type = content_type

    def wire(self, server):
        """The request as bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
        if server.authorization:
            lines.append(f"Authorization: {server.authorization}")
        if self.body:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body

    def ask(self, server):
        """Sends it once; the answer's body, which has to be a success."""
        fields = {"Content-Type": self.content_type} if self.body else {}
        status, body = server.request(self.method, self.path.replace("*", "1"), self.body, fields)
        assert status == 200, f"{server.name} answers {self.path} with {status}: {body[:500]}"
        return body


def wrk(server, request, connections, seconds, folder):
    """As many requests as go through in that time, so many at once; what `request.lua` tells, and what it cost."""
    body = folder / "body"
    body.write_bytes(request.body)
    arguments = [request.method, body if request.body else "", server.authorization or "", request.content_type]
    timing = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command = ["wrk", *timing, "--timeout", f"{PATIENCE}s", "--script", HERE / "request.lua"]
    before, own = server.cpu, children_cpu()
    with server.watched():
        done = subprocess.run(
            [*command, server.origin + request.path, "--", *arguments], capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    told["cpu"] = server.cpu - before
    # What the generator itself took of one core: well below 1, or it measures itself.
    told["generator"] = (children_cpu() - own) / told["seconds"]
    assert told["refused"] + told["broken"] + told["late"] == 0, f"{server.name}, {request.path}: {told}\n{server.said}"
    return told


def children_cpu():
    """Seconds of processor time of all processes that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Crowd:
    """Many clients at once, each with one request on a connection of its own."""

    #: Connections that may be on their way at once: a listener's queue is not endless.
    STRIDE = 64
    #: Bytes of a request from which on all may be on their way at once, for that takes a while.
    LARGE = 1 << 20

    def __init__(self, server, request, count):
        self.server = server
        self.request = memoryview(request.wire(server))
        self.count = count
        self.selector = selectors.DefaultSelector()
        self.clients = []
        self.sending = 0
        self.answered = 0

    def send(self, within=120):
        """Connects everybody and sends every request, until it is sent whole or is answered before."""
        deadline = time.monotonic() + within
        stride = self.count if len(self.request) >= self.LARGE else self.STRIDE
        while len(self.clients) < self.count or self.sending:
            assert time.monotonic() < deadline, f"{self.sending} of {self.count} requests are not sent"
            while len(self.clients) < self.count and self.sending < stride:
                self.clients.append(Client(self.server, self.request, self.selector))
                self.sending += 1
            self.turn(1)

    def receive(self, within=120):
        """How many got which status; `None` is no whole answer at all."""
        self.wait(lambda: self.answered == self.count, within)
        return dict(collections.Counter(client.status for client in self.clients))

    def wait(self, condition, within):
        """Lets clients go on until the condition holds; says whether it did in time."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.turn(0.05)
        return True

    def turn(self, within):
        for key, events in self.selector.select(within):
            client = key.data
            was_sent = client.is_sent
            client.go_on(events)
            self.sending -= client.is_sent and not was_sent
            self.answered += client.is_over

    def close(self):
        for client in self.clients:
            client.close()
        self.selector.close()


class Client:
    """One of a crowd."""

    #: Bytes that are sent at once.
    PIECE = 256 << 10

    def __init__(self, server, request, selector):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.setblocking(False)
        self.unsent = request
        self.answer = b""
        self.is_over = False
        self.selector = selector
        selector.register(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    @property
    def is_sent(self):
        return len(self.unsent) == 0 or self.is_over

    @property
    def status(self):
        return int(self.answer.split(b" ", 2)[1]) if is_whole(self.answer) else None

    def go_on(self, events):
        if events & selectors.EVENT_READ:
            self.pull()
        if events & selectors.EVENT_WRITE and not self.is_over:
            self.push()

    def push(self):
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent[: self.PIECE]) :]
        except BlockingIOError:
            return
        except ConnectionError:
            # Nobody reads it any more; what was answered to its beginning is still to be read.
            self.unsent = self.unsent[:0]
        if self.is_sent:
            self.selector.modify(self.socket, selectors.EVENT_READ, self)

    def pull(self):
        try:
            bytes = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionError:
            bytes = b""
        self.answer += bytes
        if not bytes or is_whole(self.answer):
            self.close()

    def close(self):
        if not self.is_over:
            self.is_over = True
            self.selector.unregister(self.socket)
            self.socket.close()


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return len(body) >= int(length[1]) if length else answer.endswith(b"0\r\n\r\n")
