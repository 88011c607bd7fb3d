"""What is measured, and what it has to be: the table of docs/performance.md, row by row."""

import concurrent.futures
import contextlib
import json
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field

import images
import servers
from load import Crowd, Request, wrk

PROMPT = "an otter with a beret"


def largest_form(model):
    return images.form(images.image(servers.LARGEST), model=model, prompt=PROMPT)


def order(model, **more):
    return {"model": model, "prompt": PROMPT, "size": "1024x1024"} | more


@dataclass
class Race:
    """The same work for several servers in turn, round by round."""

    name: str
    title: str
    connections: int
    #: By server: what it is asked. `direct` is the provider itself, and so what the generator can do.
    requests: dict
    #: (server, other, least ratio of the rates of requests)
    targets: list = field(default_factory=list)
    #: What Easel's answer has to be, given the answer.
    check: callable = lambda server, answer: None
    #: How many times longer a turn is than usual, where requests are so large that a second would hold few of them.
    length: float = 1
    #: Which of wrk's figures are compared: "rate", or a percentile of the latency.
    measure: str = "rate"

    def run(self, field, options):
        """Every round's figures, by server."""
        if "before" in field.servers and self.name != "files":
            self.requests["before"] = self.requests["easel"]
        racers = [name for name in self.requests if name in field.servers]
        if options.quick:
            # Nobody is compared with it.
            racers.remove("direct") if "direct" in racers else None
        turn = max(1, int(self.length * options.seconds))
        for name in racers:
            self.check(field.servers[name], self.requests[name].ask(field.servers[name]))
            wrk(field.servers[name], self.requests[name], self.connections, 1, field.folder)
        figures = {name: [] for name in racers}
        for round in range(options.rounds):
            # Not always in the same order: what one leaves behind would always meet the same other.
            for name in racers[round % len(racers) :] + racers[: round % len(racers)]:
                told = wrk(field.servers[name], self.requests[name], self.connections, turn, field.folder)
                told["rate"] = told["requests"] / told["seconds"]
                figures[name].append(told)
        return figures


def has_link(server, answer):
    for item in json.loads(answer)["data"]:
        path = item["url"].removeprefix(server.origin)
        assert path.startswith("/files/"), item
        assert server.request("GET", path)[0] == 200


def has_base64(server, answer):
    assert answer.count(b'"b64_json"') == 4 and len(answer) > 4 * servers.LARGER


def races(file_path):
    """`file_path` is where Easel serves a stored image of a megabyte."""

    def posts(model, body, path="images/generations", type="application/json", **others):
        provided = Request("POST", f"/{model}/v1/{path}", body, type)
        asked = Request("POST", f"/v1/{path}", body, type)
        return {"direct": provided, "nginx": provided, "easel": asked} | others

    small = order("small", response_format="url")
    asked = Request("POST", "/v1/images/generations", small)
    litellm = Request("POST", "/v1/images/generations", order("small"))
    form, type = largest_form("small")
    edit = Request("POST", "/v1/images/edits", form, type)
    return [
        Race(
            "small",
            "1 KB image as base64, client wants a URL, 64 connections",
            64,
            posts("small", small, litellm=litellm),
            [("easel", "nginx", 0.35), ("easel", "litellm", 40)],
            check=lambda server, answer: has_link(server, answer) if server.name == "easel" else None,
        ),
        Race(
            "latency",
            "the same, one request at a time",
            1,
            posts("small", small, relaxed=asked, litellm=litellm),
            [("easel", "nginx", 0.001), ("relaxed", "nginx", 0.0002)],
            measure="p50",
        ),
        Race(
            "rehost",
            "1 MB image behind a link, kept and served anew, 32 connections",
            32,
            {
                "direct": Request("GET", "/images/*.png"),
                "nginx": Request("GET", "/stored/*.png"),
                "easel": Request("POST", "/v1/images/generations", order("links", response_format="url")),
                "relaxed": Request("POST", "/v1/images/generations", order("links", response_format="url")),
            },
            [("easel", "nginx", 2)],
        ),
        Race(
            "large-url",
            "4 images of 2 MB as base64, client wants URLs, 8 connections",
            8,
            posts(
                "large",
                order("large", n=4, response_format="url"),
                litellm=Request("POST", "/v1/images/generations", order("large", n=4)),
            ),
            [("easel", "nginx", 0.5)],
            check=lambda server, answer: has_link(server, answer) if server.name == "easel" else None,
            length=1.5,
        ),
        Race(
            "large-base64",
            "4 images of 2 MB as base64, client wants base64, 8 connections",
            8,
            posts("large", order("large", n=4, response_format="b64_json")),
            [("easel", "nginx", 0.5)],
            check=lambda server, answer: has_base64(server, answer),
            length=1.5,
        ),
        Race(
            "edit",
            "edit of an 8 MB image, multipart to multipart, 8 connections",
            8,
            posts("small", form, "images/edits", type, litellm=edit),
            [("easel", "nginx", 0.6)],
            length=1.5,
        ),
        Race(
            "files",
            "a stored image of 1 MB, 32 connections",
            32,
            {"nginx": Request("GET", "/files/1.png"), "easel": Request("GET", file_path)},
            [("easel", "nginx", 0.8)],
        ),
    ]


# Single measurements: each a function of the field and of whether it is to be quick, which gives figures by server.


def edits(field, options):
    """Peak of resident memory while 200 edits of 8 MB are under way at once; the provider answers when it has all."""
    count = 50 if options.quick else 200
    request = Request("POST", "/v1/images/edits", *largest_form("held"))
    return {"requests": count} | {
        name: crowd_memory(field, field.fresh(name), request, count)
        for name in ("easel", "litellm")
        if name in field.servers
    }


def crowd_memory(field, server, request, count):
    try:
        Request("POST", "/v1/images/generations", order("small")).ask(server)
        idle = server.resident
        field.holder.hold()
        watch = PeakWatch(server)
        watch.start()
        started = time.monotonic()
        crowd = Crowd(server, request, count)
        crowd.send(within=120)
        at_once = arrived(field, crowd)
        field.holder.release()
        statuses = crowd.receive()
        took = time.monotonic() - started
        refusal = next((client.answer for client in crowd.clients if client.status not in (200, None)), b"")
        crowd.close()
        return {
            "idle": idle,
            "peak": watch.stop(),
            "answered": statuses.get(200, 0),
            "statuses": {str(status): number for status, number in statuses.items()},
            "refusal": refusal.partition(b"\r\n\r\n")[2].decode(errors="replace"),
            "seconds": took,
            "at_once": at_once,
        }
    finally:
        server.stop()


def arrived(field, crowd):
    """How many of a crowd have come to the provider, once all have who are not answered before, as by a refusal."""
    crowd.wait(lambda: field.holder.waiting + crowd.answered >= crowd.count, within=60)
    return field.holder.waiting


class PeakWatch(threading.Thread):
    """Reads all the while how much memory a server has had: once it has been killed for that, nobody can tell."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.peak = 0
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(0.2):
            with contextlib.suppress(OSError, TypeError):
                self.peak = max(self.peak, self.server.peak)

    def stop(self):
        self.is_over.set()
        self.join()
        with contextlib.suppress(OSError, TypeError):
            self.peak = max(self.peak, self.server.peak)
        return self.peak


def waiting(field, options):
    """Resident memory of each of 8,000 requests that wait for a slow provider."""
    count = 2_000 if options.quick else 8_000
    result = {"requests": count}
    for name in ("easel", "nginx"):
        server = field.fresh(name)
        path = "/v1/images/generations" if name == "easel" else "/held/v1/images/generations"
        try:
            warm = Request("POST", path.replace("held", "small"), order("small", response_format="url"))
            warm.ask(server)
            idle = server.resident
            field.holder.hold()
            crowd = Crowd(server, Request("POST", path, order("held", response_format="url")), count)
            crowd.send()
            arrived(field, crowd)
            held = server.resident
            started = time.monotonic()
            field.holder.release()
            statuses = crowd.receive()
            result[name] = {
                "idle": idle,
                "held": held,
                "each": (held - idle) / count,
                "answered": statuses.get(200, 0),
                "seconds": time.monotonic() - started,
            }
            crowd.close()
        finally:
            server.stop()
    return result


def start(field, options):
    """Seconds from the start of a process that has run before to its first answer, for which it looks up a key."""
    result = {}
    for name, path in {"easel": "/v1/models", "nginx": "/healthz"}.items():
        server = field.fresh(name)
        server.stop()
        result[name] = [first_answer(server, Request("GET", path)) for _ in range(3 if options.quick else 11)]
    return result


def first_answer(server, request):
    request = request.wire(server)
    started = time.monotonic()
    server.launch()
    try:
        while time.monotonic() < started + servers.START_WITHIN:
            try:
                with socket.create_connection(("127.0.0.1", server.port)) as client:
                    client.sendall(request)
                    assert client.recv(1000).startswith(b"HTTP/1.1 200")
                return time.monotonic() - started
            except ConnectionRefusedError:
                time.sleep(0.0005)
        raise TimeoutError(f"{server.name} does not answer\n{server.said}")
    finally:
        server.stop()


def quiet(field, options):
    """Small requests one at a time, alone and while edits of 10 MB flow on four connections: round by round."""
    form, type = images.form(images.image(10_000_000), model="small", prompt=PROMPT)
    result = {name: {"alone": [], "beside": []} for name in ("nginx", "easel")}
    (field.folder / "edits").mkdir(exist_ok=True)
    for _ in range(options.rounds):
        for name, figures in result.items():
            server = field.servers[name]
            prefix = "/small" if name == "nginx" else ""
            small = Request("POST", prefix + "/v1/images/generations", order("small", response_format="url"))
            edit = Request("POST", prefix + "/v1/images/edits", form, type)
            figures["alone"].append(wrk(server, small, 1, options.seconds, field.folder))
            # The flow begins before and ends after what is measured beside it: slower, so for longer.
            with concurrent.futures.ThreadPoolExecutor() as pool:
                flow = pool.submit(wrk, server, edit, 4, 2 * options.seconds + 1, field.folder / "edits")
                time.sleep(0.5)
                figures["beside"].append(wrk(server, small, 1, 2 * options.seconds, field.folder))
                figures["beside"][-1]["edits"] = flow.result()["requests"] / flow.result()["seconds"]
    return result


class Field:
    """All servers of a run."""

    def __init__(self, folder, with_litellm, before=None):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.provider = servers.Provider(folder / "provider")
        self.holder = servers.Holder(folder / "holder")
        self.routes = {name: f"{self.provider.origin}/{name}/v1" for name in ("small", "large", "links")}
        self.routes["held"] = f"{self.holder.origin}/held/v1"
        self.servers = {
            "direct": self.provider,
            "easel": servers.Easel(folder / "easel", self.routes),
            "relaxed": servers.Easel(folder / "relaxed", self.routes, durability="relaxed"),
            "nginx": servers.PassThrough(folder / "nginx", self.provider, self.holder),
        }
        if before:
            self.servers["before"] = servers.Easel(folder / "before", self.routes, before)
        if with_litellm:
            self.servers["litellm"] = servers.LiteLLM(folder / "litellm", self.routes)
        self.others = []

    def start(self):
        """Starts everybody."""
        self.servers["nginx"].publish("1.png", images.image(servers.LARGE))
        self.holder.start()
        if "litellm" in self.servers:
            self.servers["litellm"].launch()
        for server in self.servers.values():
            server.start() if server.process is None else server.wait_until_ready()
        return self

    def fresh(self, name, start=True):
        """Another process like that one, with nothing behind it."""
        folder = self.folder / f"fresh-{len(self.others)}"
        if name == "nginx":
            server = servers.PassThrough(folder, self.provider, self.holder)
        else:
            server = type(self.servers[name])(folder, self.routes)
        self.others.append(server)
        return server.start() if start else server

    def stop(self):
        for server in [*self.servers.values(), self.holder, *self.others]:
            server.stop()

    def file_path(self):
        """A stored image of a megabyte, as Easel links to it."""
        easel = self.servers["easel"]
        answer = Request("POST", "/v1/images/generations", order("links", response_format="url")).ask(easel)
        return json.loads(answer)["data"][0]["url"].removeprefix(easel.origin)
