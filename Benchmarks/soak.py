"""Traffic of every kind for a while, and then: has anything grown? See scripts/soak.

Eight clients ask for what a gateway is asked for in a day: small and large images, edits, links, stored images. Some
hang up in the middle of what they send or get, some send nonsense, and two of the providers are broken. Memory,
descriptors and temporary files are looked at all the while; at the end they are to be what they were.
"""

import contextlib
import json
import pathlib
import random
import socket
import statistics
import sys
import threading
import time

import images
import scenarios
import servers
from load import Request

CLIENTS = 8
#: Seconds between two looks.
INTERVAL = 2
#: Seconds after the last request in which everything has come to its end.
SETTLING = 15
#: How much more memory the last quarter may take than the second one: the allocator's own ups and downs.
MEMORY_FACTOR, MEMORY_SLACK = 1.1, 8e6
#: Descriptors that may be open beyond those of the start: connections to providers, kept for the next request.
IDLE_CONNECTIONS = 80


class Client(threading.Thread):
    """One client after another, each with a request of its own."""

    def __init__(self, easel, file, seed, until):
        super().__init__(daemon=True)
        self.easel, self.file, self.until = easel, file, until
        self.dice = random.Random(seed)
        self.counts = {}
        form, type = images.form(images.image(servers.LARGEST), model="small", prompt=scenarios.PROMPT)

        def generation(model, **more):
            return Request("POST", "/v1/images/generations", scenarios.order(model, **more))

        self.requests = {
            "small": generation("small", response_format="url"),
            "small as base64": generation("small", response_format="b64_json"),
            "links": generation("links", response_format="url"),
            "large": generation("large", n=4, response_format="url"),
            "large as base64": generation("large", n=4, response_format="b64_json"),
            "edit": Request("POST", "/v1/images/edits", form, type),
            "file": Request("GET", self.file),
            "provider gone": generation("gone"),
            "provider wrong": generation("wrong"),
            "nonsense": Request("POST", "/v1/images/generations", b'{"prompt": 7, "model": [}'),
        }

    def run(self):
        while time.monotonic() < self.until:
            name = self.dice.choice(list(self.requests))
            # A third of them do not wait for the end.
            share = self.dice.random() if self.dice.random() < 1 / 3 else None
            with contextlib.suppress(ConnectionError, TimeoutError):
                self.ask(self.requests[name].wire(self.easel), share)
            kind = f"{name}, cut off" if share is not None else name
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def ask(self, wire, share):
        """Sends a request, or a share of it, and reads the answer, or a share of that."""
        with socket.create_connection(("127.0.0.1", self.easel.port), timeout=60) as client:
            if share is not None and self.dice.random() < 0.5:
                client.sendall(wire[: int(share * len(wire))])
                time.sleep(share / 10)
                return
            client.sendall(wire.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            if share is not None:
                client.settimeout(max(0.001, share / 10))
                client.recv(1 + int(share * 1e6))
                return
            while client.recv(1 << 20):
                pass


def look(easel):
    """What the process holds now."""
    process = pathlib.Path(f"/proc/{easel.process.pid}")
    files = (easel.folder / "data").rglob(".temporary-*")
    return {
        "memory": easel.resident,
        "descriptors": len(list((process / "fd").iterdir())),
        "files": sum(1 for _ in files),
    }


def soak(minutes, seed=1):
    folder = servers.ROOT / ".build/bench/soak"
    field = scenarios.Field(folder, with_litellm=False)
    closed = f"http://127.0.0.1:{servers.free_port()}/v1"
    broken = {"gone": closed, "wrong": f"{field.provider.origin}/nothing/v1"}
    # What is kept is bounded, so that its end comes in the time that this takes.
    settings = {"results": {"keep": "1m", "max_disk": "300MB"}}
    easel = servers.Easel(folder / "easel", field.routes | broken, **settings)
    try:
        field.provider.start()
        field.holder.start()
        easel.start()
        field.servers = {"easel": easel}
        file = field.file_path()
        before = look(easel)
        until = time.monotonic() + minutes * 60
        clients = [Client(easel, file, seed * 1000 + number, until) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        looks = []
        while time.monotonic() < until:
            time.sleep(INTERVAL)
            assert easel.process.poll() is None, f"Easel ended:\n{easel.said}"
            looks.append(look(easel))
        for client in clients:
            client.join(90)
        time.sleep(SETTLING)
        after = look(easel)
    finally:
        easel.stop()
        field.provider.stop()
        field.holder.stop()
    counts = {
        name: sum(client.counts.get(name, 0) for client in clients)
        for name in sorted(set().union(*[c.counts for c in clients]))
    }
    return before, looks, after, counts


def judge(before, looks, after):
    """What has grown."""
    quarter = len(looks) // 4
    middle = statistics.median(one["memory"] for one in looks[quarter : 2 * quarter])
    last = statistics.median(one["memory"] for one in looks[3 * quarter :])
    if last > middle * MEMORY_FACTOR + MEMORY_SLACK:
        yield f"memory grew from {middle / 1e6:.0f} to {last / 1e6:.0f} MB"
    if after["descriptors"] > before["descriptors"] + IDLE_CONNECTIONS:
        yield f"descriptors grew from {before['descriptors']} to {after['descriptors']}"
    if after["files"] > 0:
        yield f"{after['files']} temporary files are left"


def main(minutes="20", seed="1"):
    before, looks, after, counts = soak(float(minutes), int(seed))
    for name, count in counts.items():
        print(f"{count:9,} {name}")
    print("  minute   memory   descriptors   temporary files")
    step = max(1, len(looks) // 20)
    shown = [("start", before)]
    shown += [(f"{(index + 1) * INTERVAL / 60:.1f}", looks[index]) for index in range(step - 1, len(looks), step)]
    for moment, one in [*shown, ("end", after)]:
        print(f"{moment:>8} {one['memory'] / 1e6:5.0f} MB {one['descriptors']:13} {one['files']:17}")
    (servers.ROOT / ".build/bench/soak.json").write_text(
        json.dumps({"before": before, "looks": looks, "after": after, "requests": counts}) + "\n"
    )
    growths = list(judge(before, looks, after))
    for growth in growths:
        print(f"✗ {growth}")
    if not growths:
        print("✓ memory, descriptors and temporary files are what they were")
    sys.exit(bool(growths))


main(*sys.argv[1:])
