"""Load: wrk where one request over and over will do, and sockets of our own where every single one counts."""

import json
import pathlib
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
    done = subprocess.run([*command, server.origin + request.path, "--", *arguments], capture_output=True, text=True)
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

    def __init__(self, server, request, count):
        self.server = server
        self.request = memoryview(request.wire(server))
        self.count = count
        self.selector = selectors.DefaultSelector()
        #: By socket: how much of the request has been sent, and what has come back.
        self.sent = {}
        self.answers = {}

    def send(self, within=120):
        """Connects everybody and sends every request whole."""
        deadline = time.monotonic() + within
        begun = 0
        while begun < self.count or self.sent:
            assert time.monotonic() < deadline, f"{self.count - begun + len(self.sent)} requests are not sent"
            while begun < self.count and len(self.sent) < max(self.STRIDE, self.count if self.is_large else 0):
                self.connect()
                begun += 1
            for key, _ in self.selector.select(1):
                self.push(key.fileobj)

    @property
    def is_large(self):
        return len(self.request) > 1 << 20

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.server.port))
        client.setblocking(False)
        self.sent[client] = 0
        self.selector.register(client, selectors.EVENT_WRITE)

    def push(self, client):
        try:
            self.sent[client] += client.send(self.request[self.sent[client] : self.sent[client] + (256 << 10)])
        except BlockingIOError:
            return
        if self.sent[client] == len(self.request):
            del self.sent[client]
            self.answers[client] = b""
            self.selector.modify(client, selectors.EVENT_READ)

    def receive(self, within=120):
        """How many got a whole answer with status 200."""
        deadline = time.monotonic() + within
        good, open = 0, len(self.answers)
        while open > 0 and time.monotonic() < deadline:
            for key, _ in self.selector.select(1):
                client = key.fileobj
                try:
                    bytes = client.recv(1 << 20)
                except BlockingIOError:
                    continue
                except ConnectionError:
                    bytes = b""
                answer = self.answers[client] = self.answers[client] + bytes
                if not bytes or is_whole(answer):
                    good += answer.startswith(b"HTTP/1.1 200 ") and is_whole(answer)
                    open -= 1
                    self.selector.unregister(client)
                    client.close()
        return good

    def close(self):
        for client in [*self.sent, *self.answers]:
            client.close()
        self.selector.close()


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if not end:
        return False
    return len(body) >= int(lengths[0].split(b":")[1]) if lengths else answer.endswith(b"0\r\n\r\n")
