"""Providers that count: every order, question, cancellation and download is written down with its time.

What becomes of an order is drawn by the seed of the run, the provider, the order's number and how often that number was
ordered before: the same seed gives the same mixture of good answers, refusals, lost answers and slow downloads.

A client's order has a marker, which is in its prompt ("an otter, number 17") and in its seed (17 * 16). A gateway that
makes several requests of one order counts the seed on, so every single request has a number of its own.
"""

import base64
import collections
import dataclasses
import hashlib
import random
import re
import sys
import threading
import time

from PIL import Image

from pictures import encoded
from upstreams import KEY, Refusal, Upstream
from upstreams_pages import decoded

#: Numbers that one client's order may take up: its images.
NUMBERS_PER_ORDER = 16

#: One picture an order, at once.
PAINTER = """\
title: A painter who counts
page: https://painter.example/docs
base_url: https://painter.example
auth: {Authorization: "Bearer ${api_key}"}
operations: [generate, edit]
request: {POST: /orders, json: {text: $prompt, number: $seed, picture: $image.data_uri}}
limits: {images: 0..1, seed: 0..2147483647}
answer:
  images: pictures[]
  url: link
  b64: base64
  request_id: receipt
  error: {message: problem, code: reason}
"""
#: Several pictures an order, at once.
PRESS = PAINTER.replace("number: $seed,", "number: $seed, copies: $n,").replace("{images", "{n: 1..4, images")
#: One picture an order, made by and by.
STUDIO = f"""{PAINTER}\
queue:
  task: task
  status:
    GET: "/orders/${{task}}"
    state: state
    waiting: [waiting, painting]
    done: [done]
    failed: [failed]
    cancelled: [cancelled]
    gone: [forgotten]
  result: {{GET: "/orders/${{task}}/pictures"}}
  cancel: {{DELETE: "/orders/${{task}}", too_late: [409]}}
  every: 500ms
failures: {{not_charged: [cancelled]}}
"""
DIALECTS = {"painter": PAINTER, "press": PRESS, "studio": STUDIO}

#: Provider → its dialect. The shop refuses every second order.
PROVIDERS = {"painter": "painter", "shop": "painter", "press": "press", "studio": "studio"}

#: Provider → what may become of an order there, and how often of a hundred times.
FATES = {
    "painter": {"base64": 36, "link": 40, "refused": 7, "broken": 4, "broken after all": 4, "silent": 5, "cut": 4},
    "press": {"base64": 36, "link": 40, "refused": 7, "broken": 4, "broken after all": 4, "silent": 5, "cut": 4},
    "shop": {"base64": 25, "link": 25, "refused": 50},
    "studio": {"link": 80, "refused": 6, "fails": 6, "silent": 4, "cut": 4},
}
#: What becomes of an order that is paid for.
BOUGHT = {"base64", "link", "broken after all", "silent", "cut"}
#: How a provider says that it takes no order: what the gateway may rely on.
REFUSALS = [(429, "slow_down"), (503, "closed"), (429, "slow_down")]


@dataclasses.dataclass
class Submission:
    """One order as a provider got it: what costs money."""

    provider: str
    marker: int
    number: int
    at: float
    fate: str
    pictures: list = dataclasses.field(default_factory=list)
    #: The digests of its pictures, in hexadecimal.
    digests: list = dataclasses.field(default_factory=list)
    task: str | None = None
    #: When its answer was handed to the network whole; None when it never was.
    answered_at: float | None = None
    #: When a queue task is ready.
    ready_at: float = 0
    polls: list = dataclasses.field(default_factory=list)
    cancelled_at: float | None = None
    #: (time, digest) of every download that began.
    downloads: list = dataclasses.field(default_factory=list)

    @property
    def is_bought(self):
        return self.fate in BOUGHT and self.cancelled_at is None

    @property
    def is_refused(self):
        return self.fate == "refused"

    @property
    def is_free(self):
        return self.is_refused or self.cancelled_at is not None


class CountingProviders(Upstream):
    """All of them behind one port, each below a path of its own."""

    def __init__(self, seed):
        super().__init__()
        self._server.socket.listen(256)
        self._server.handle_error = self.note_error
        self.seed = seed
        self.submissions = []
        #: (time, what, marker): everything that happened, in order.
        self.events = []
        #: What came that no provider of these takes: a mistake of the gateway's.
        self.complaints = []
        self._orders = collections.Counter()
        self._tasks = {}
        self._links = {}
        self._lock = threading.Condition()

    def configuration(self):
        """The providers as a gateway is told of them."""
        return {
            name: {"dialect": dialect, "base_url": f"{self.origin}/{name}", "api_key": "${UPSTREAM_KEY}"}
            for name, dialect in PROVIDERS.items()
        }

    def note(self, what, marker):
        with self._lock:
            self.events.append((time.time(), what, marker))
            self._lock.notify_all()

    def note_error(self, *_):
        """A connection that breaks is no surprise here."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self.complaints.append(repr(error))

    def wait_for(self, what, within):
        """Whether it happened once more within so many seconds."""
        with self._lock:
            start = len(self.events)
            return self._lock.wait_for(lambda: any(event[1] == what for event in self.events[start:]), within)

    # Requests

    def respond(self, exchange):
        call = exchange.call
        if len(call.body) < int(call.headers.get("Content-Length", 0)):
            exchange.close_connection = True  # its sender is gone: this is no order yet
            return
        try:
            if call.path.startswith("/pictures/"):
                return self.send_picture(exchange)
            if call.headers.get("Authorization") != f"Bearer {KEY}":
                self.complain(401, "the key is not known")
            _, provider, rest = call.path.split("/", 2)
            if provider in PROVIDERS and (call.method, rest) == ("POST", "orders"):
                return self.take(exchange, provider)
            if provider == "studio" and (match := re.fullmatch(r"orders/(task\d+)(/pictures)?", rest)):
                return self.ask(exchange, self._tasks.get(match[1]), match[2])
            self.complain(404, f"{call.method} {call.path}")
        except Refusal as refusal:
            self.complaints.append(refusal.message)
            exchange.send(refusal.status, {"problem": refusal.message, "reason": "mistake"})

    def complain(self, status, message):
        raise Refusal(status, None, None, message)

    def take(self, exchange, provider):
        """An order: what becomes of it is decided as it arrives, and so is whether it costs."""
        submission, draw = self.read(exchange.call, provider)
        with self._lock:
            self.submissions.append(submission)
        self.note(f"{provider}: order", submission.marker)
        time.sleep(draw.choice([0, 0.02, draw.uniform(0, 0.3), draw.uniform(0, 0.6)]))
        if submission.fate == "refused":
            status, reason = draw.choice(REFUSALS)
            exchange.send(status, {"problem": "not now", "reason": reason}, Retry_After="1")
        elif submission.fate in ("broken", "broken after all"):
            exchange.send(500, {"problem": "something broke", "reason": "internal"})
        elif submission.fate == "silent":
            exchange.close_connection = True
        elif submission.fate == "cut":
            exchange.begin(200, 100_000)
            exchange.wfile.write(b'{"receipt": "cut", "pictures": [{"base64": "iVBORw0KGgo')
            exchange.close_connection = True
        elif submission.task:
            exchange.send(200, {"receipt": submission.task, "task": submission.task})
        else:
            exchange.send(200, self.delivery(submission))
        exchange.wfile.flush()
        submission.answered_at = time.time()
        self.note(f"{provider}: answered ({submission.fate})", submission.marker)

    def read(self, call, provider):
        """The order, if it is one in every detail, and the chances that go with it."""
        order = call.json
        dialect = PROVIDERS[provider]
        fields = {"text", "number"} | ({"copies"} if dialect == "press" else set())
        if not fields <= order.keys() <= fields | {"picture"}:
            self.complain(400, f"the fields are {sorted(order)}")
        match = re.fullmatch(r"an otter, number (\d+)", order["text"])
        number = order["number"]
        if not match or type(number) is not int or number // NUMBERS_PER_ORDER != int(match[1]):
            self.complain(400, f"{order['text']!r} does not go with {number}")
        if "picture" in order:
            decoded(order["picture"])
        submission = Submission(provider, int(match[1]), number, time.time(), "")
        with self._lock:
            self._orders[provider, number] += 1
            draw = random.Random(f"{self.seed} {provider} {number} {self._orders[provider, number]}")
        fates = FATES[provider]
        [submission.fate] = draw.choices(list(fates), fates.values())
        if submission.fate in BOUGHT:
            submission.pictures = [noise(draw) for _ in range(order.get("copies", 1))]
            submission.digests = [hashlib.sha256(bytes).hexdigest() for bytes in submission.pictures]
        if dialect == "studio" and not submission.is_refused:
            with self._lock:
                submission.task = f"task{len(self._tasks) + 1}"
                self._tasks[submission.task] = submission
            submission.ready_at = submission.at + draw.uniform(0.2, 2)
        return submission, draw

    def delivery(self, submission):
        pictures = []
        for bytes, digest in zip(submission.pictures, submission.digests):
            if submission.fate == "base64":
                pictures.append({"base64": base64.b64encode(bytes).decode()})
            else:
                pictures.append({"link": self.link(submission, bytes, digest)})
        return {"receipt": f"{submission.provider}-{submission.number}", "pictures": pictures}

    def link(self, submission, bytes, digest):
        target = f"/pictures/{submission.provider}{submission.number}-{digest[:12]}.png?secretsignature=a%2Bb"
        self._links[target] = submission, bytes, digest
        return self.origin + target

    # Tasks

    def ask(self, exchange, submission, pictures):
        call = exchange.call
        if submission is None or call.method not in ("GET", "DELETE"):
            self.complain(404, f"{call.method} {call.path}")
        draw = random.Random(f"{self.seed} {call.method} {submission.number} {len(submission.polls)}")
        if call.method == "DELETE":
            return self.cancel(exchange, submission)
        submission.polls.append(time.time())
        self.note("studio: poll", submission.marker)
        if draw.random() < 0.1:
            exchange.close_connection = True
        elif draw.random() < 0.1:
            exchange.send(503, {"problem": "too many questions", "reason": "slow_down"})
        elif pictures and self.state(submission) == "done":
            exchange.send(200, self.delivery(submission))
        else:
            exchange.send(200, {"state": self.state(submission), "receipt": submission.task})

    def state(self, submission):
        if submission.cancelled_at is not None:
            return "cancelled"
        if time.time() < submission.ready_at:
            return "painting"
        return "failed" if submission.fate == "fails" else "done"

    def cancel(self, exchange, submission):
        self.note("studio: cancel", submission.marker)
        if time.time() < submission.ready_at:
            submission.cancelled_at = submission.cancelled_at or time.time()
            exchange.send(200, {"state": "cancelled"})
        else:
            exchange.send(409, {"problem": "too late", "reason": "too_late"})

    # Downloads

    def send_picture(self, exchange):
        """A download: at once, slowly, cut short, or only at the next try."""
        if exchange.call.target not in self._links or exchange.call.headers.get("Authorization"):
            self.complain(404, f"{exchange.call.method} {exchange.call.target}")
        submission, bytes, digest = self._links[exchange.call.target]
        draw = random.Random(f"{self.seed} download {exchange.call.target} {len(submission.downloads)}")
        submission.downloads.append((time.time(), digest))
        self.note("download", submission.marker)
        manner = draw.choices(["at once", "slowly", "cut", "broken", "late"], [40, 35, 10, 8, 7])[0]
        if manner == "broken":
            exchange.send(500, b"busy", "text/plain")
        elif manner == "late":
            exchange.send(404, b"not yet", "text/plain")
        elif manner == "at once":
            exchange.send(200, bytes, "image/png")
        else:
            exchange.begin(200, len(bytes), "image/png")
            step = len(bytes) // 8 + 1
            for start in range(0, len(bytes) // (2 if manner == "cut" else 1), step):
                exchange.wfile.write(bytes[start : start + step])
                exchange.wfile.flush()
                time.sleep(draw.uniform(0, 0.12))
            exchange.close_connection = manner == "cut"
        self.note("downloaded", submission.marker)


def noise(draw):
    """A picture like no other: some fit into the ledger, others have a file."""
    side = draw.randrange(24, 160)
    return encoded(Image.frombytes("RGB", (side, side), draw.randbytes(side * side * 3)), "PNG", compress_level=0)
