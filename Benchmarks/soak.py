"""Traffic of every kind for a while, and then: has anything grown? See scripts/soak.

Eight clients ask for what a gateway is asked for in a day: small and large images, edits, links, stored images. Some
hang up in the middle of what they send or get, some send nonsense, and two of the providers are broken. Memory,
descriptors and temporary files are looked at all the while; at the end they are to be what they were.
"""

import base64
import collections
import contextlib
import json
import pathlib
import random
import re
import socket
import statistics
import sys
import threading
import time

import images
import scenarios
import servers
from load import Request, is_whole

CLIENTS = 8
#: Seconds between two looks.
INTERVAL = 2
#: Of these so many are shown, spread over the time.
LINES = 20
#: Seconds after the last request in which everything has come to its end.
SETTLING = 15
#: How much more memory the last quarter may take than the second one: the allocator's own ups and downs.
MEMORY_FACTOR, MEMORY_SLACK = 1.05, 4e6
#: How many more descriptors may be open at the same time: one of each client's, and of what it asks for.
DESCRIPTOR_SLACK = 3 * CLIENTS
#: Descriptors that may be open at the end beyond those of the start: connections that are kept for the next request.
IDLE_CONNECTIONS = 80
#: The share of answers to whole requests that may be others than they should be.
SURPRISES = 0.001


class Client(threading.Thread):
    """One client after another, each with a request of its own."""

    def __init__(self, easel, seed, until):
        super().__init__(daemon=True)
        self.easel, self.until = easel, until
        self.dice = random.Random(seed)
        #: By kind of request: how many, and which statuses whole ones got that are not what they should be.
        self.counts = collections.Counter()
        self.surprises = collections.Counter()
        form, type = images.form(images.image(servers.LARGEST), model="small", prompt=scenarios.PROMPT)
        uri = "data:image/png;base64," + base64.b64encode(images.image(servers.LARGER)).decode()

        def generation(model, **more):
            return Request("POST", "/v1/images/generations", scenarios.order(model, **more))

        #: By kind: the request, and what may be answered to it.
        self.requests = {
            "small": (generation("small", response_format="url"), {200}),
            "small as base64": (generation("small", response_format="b64_json"), {200}),
            "small as events": (generation("small", stream=True), {200}),
            "links": (generation("links", response_format="url"), {200}),
            "large": (generation("large", n=4, response_format="url"), {200}),
            "large as base64": (generation("large", n=4, response_format="b64_json"), {200}),
            "edit": (Request("POST", "/v1/images/edits", form, type), {200}),
            "edit as JSON": (
                Request("POST", "/v1/images/edits", scenarios.order("small", images=[{"image_url": uri}])),
                {200},
            ),
            # Images are kept for a minute: the newest link of this client's may be older.
            "file": (Request("GET", "/files/none"), {200, 404}),
            "provider gone": (generation("gone"), {503}),
            "provider wrong": (generation("wrong"), {502}),
            "provider hangs up": (generation("broken"), {502}),
            "nonsense": (Request("POST", "/v1/images/generations", b'{"prompt": 7, "model": [}'), {400}),
        }

    def run(self):
        while time.monotonic() < self.until:
            kind = self.dice.choice(list(self.requests))
            request, statuses = self.requests[kind]
            # A third of them do not wait for the end.
            share = self.dice.random() if self.dice.random() < 1 / 3 else None
            answer = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                answer = self.ask(request.wire(self.easel), share)
            if share is not None:
                self.counts[f"{kind}, cut off"] += 1
                continue
            self.counts[kind] += 1
            status = int(answer.split(b" ", 2)[1]) if is_whole(answer) else None
            if status not in statuses:
                self.surprises[f"{kind}: {status}"] += 1
            # Up to the quote: a path in an error's message is no link.
            if link := re.search(rb'(/files/[\w.-]+)"', answer):
                self.requests["file"] = (Request("GET", link[1].decode()), {200, 404})

    def ask(self, wire, share):
        """Sends a request, or a share of it, and reads the answer, or a share of that."""
        with socket.create_connection(("127.0.0.1", self.easel.port), timeout=60) as client:
            if share is not None and self.dice.random() < 0.5:
                client.sendall(wire[: int(share * len(wire))])
                time.sleep(share / 10)
                return b""
            client.sendall(wire.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            if share is not None:
                client.settimeout(max(0.001, share / 10))
                return client.recv(1 + int(share * 1e6))
            answer = bytearray()
            while piece := client.recv(1 << 20):
                answer += piece
            return bytes(answer)


def look(easel):
    """What the process holds now."""
    process = pathlib.Path(f"/proc/{easel.process.pid}")
    files = (easel.folder / "data").rglob(".temporary-*")
    return {
        "memory": easel.resident,
        "descriptors": len(list((process / "fd").iterdir())),
        "files": sum(1 for _ in files),
    }


def show(moment, one):
    """A line of the table, as soon as it is known."""
    print(f"{moment:>8} {one['memory'] / 1e6:5.0f} MB {one['descriptors']:13} {one['files']:17}", flush=True)


def soak(minutes, seed=1):
    folder = servers.ROOT / ".build/bench/soak"
    field = scenarios.Field(folder, with_litellm=False)
    closed = f"http://127.0.0.1:{servers.free_port()}/v1"
    broken = {
        "gone": closed,
        "wrong": f"{field.provider.origin}/nothing/v1",
        "broken": f"{field.provider.origin}/broken/v1",
    }
    # What is kept is bounded, so that its end comes in the time that this takes.
    settings = {"results": {"keep": "1m", "max_disk": "300MB"}}
    easel = servers.Easel(folder / "easel", field.routes | broken, **settings)
    # Broken as they are, they are asked every time.
    easel.provider_settings = {"breaker": "off"}
    try:
        field.provider.start()
        field.holder.start()
        easel.start()
        field.servers = {"easel": easel}
        field.file_path()
        before = look(easel)
        print("  minute   memory   descriptors   temporary files")
        show("start", before)
        step = max(1, round(minutes * 60 / INTERVAL / LINES))
        until = time.monotonic() + minutes * 60
        clients = [Client(easel, seed * 1000 + number, until) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        looks = []
        while time.monotonic() < until:
            time.sleep(INTERVAL)
            assert easel.process.poll() is None, f"Easel ended:\n{easel.said}"
            looks.append(look(easel))
            if len(looks) % step == 0:
                show(f"{len(looks) * INTERVAL / 60:.1f}", looks[-1])
        for client in clients:
            client.join(90)
        time.sleep(SETTLING)
        after = look(easel)
        show("end", after)
    finally:
        easel.stop()
        field.provider.stop()
        field.holder.stop()
    counts = sum((client.counts for client in clients), collections.Counter())
    surprises = sum((client.surprises for client in clients), collections.Counter())
    return before, looks, after, counts, surprises


def judge(before, looks, after, counts, surprises):
    """What has grown, or went wrong."""
    quarter = len(looks) // 4

    def middle_and_last(what):
        quarters = looks[quarter : 2 * quarter], looks[3 * quarter :]
        return [statistics.median(one[what] for one in part) for part in quarters]

    middle, last = middle_and_last("memory")
    if last > middle * MEMORY_FACTOR + MEMORY_SLACK:
        yield f"memory grew from {middle / 1e6:.0f} to {last / 1e6:.0f} MB"
    middle, last = middle_and_last("descriptors")
    if last > middle + DESCRIPTOR_SLACK:
        yield f"descriptors grew from {middle:.0f} to {last:.0f}"
    if after["descriptors"] > before["descriptors"] + IDLE_CONNECTIONS:
        yield f"{after['descriptors']} descriptors are open at the end, after {before['descriptors']} at the start"
    if after["files"] > 0:
        yield f"{after['files']} temporary files are left"
    if surprises.total() > counts.total() * SURPRISES:
        yield f"answers were not what they should be: {dict(surprises)}"


def main(minutes="20", seed="1"):
    before, looks, after, counts, surprises = soak(float(minutes), int(seed))
    for name, count in sorted(counts.items()):
        print(f"{count:9,} {name}")
    document = {"before": before, "looks": looks, "after": after, "requests": counts, "surprises": surprises}
    (servers.ROOT / ".build/bench/soak.json").write_text(json.dumps(document) + "\n")
    faults = list(judge(before, looks, after, counts, surprises))
    for fault in faults:
        print(f"✗ {fault}")
    if not faults:
        print(f"✓ memory, descriptors and temporary files are what they were; {surprises.total()} odd answers")
    sys.exit(bool(faults))


main(*sys.argv[1:])
