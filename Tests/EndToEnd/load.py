"""Customers of a gateway that may vanish at any moment: each does one thing after the other, and remembers what it saw.

What a customer orders and how patient it is follow from the run's seed; what it sees depends on the moment.
"""

import base64
import dataclasses
import hashlib
import http.client
import json
import random
import threading
import time
import uuid

from counting import NUMBERS_PER_ORDER
from pictures import picture

#: Seconds after which a customer gives an order up for good.
PATIENCE = 30
#: Input images of edits.
INPUTS = [picture(seed=number) for number in range(8)]

#: How a customer behaves, and how often of a hundred times.
MANNERS = {
    # Asks once and takes what comes.
    "once": 22,
    # Leaves after a while and never comes back.
    "leaves": 10,
    # Repeats with the same Idempotency-Key until it has an answer, whatever it is told.
    "repeats": 24,
    # Repeats like OpenAI's client: counts its tries, does what x-should-retry says.
    "sdk": 22,
    # Wants an id at once, and asks for the job by it.
    "later": 16,
    # The same, and changes its mind.
    "cancels": 6,
}
#: Model → how many images may be ordered at once.
MODELS = {"portrait": 1, "poster": 3, "print": 4, "mural": 1, "frieze": 3, "bargain": 2, "errand": 2}


@dataclasses.dataclass
class Sight:
    """One answer, or the lack of one."""

    at: float
    #: Seconds that it took.
    took: float
    status: int | None
    job: str | None = None
    body: dict | None = None
    failure: str | None = None

    @property
    def state(self):
        return (self.body or {}).get("state")

    @property
    def code(self):
        return ((self.body or {}).get("error") or {}).get("code")

    def __str__(self):
        return f"{self.status or self.failure} {self.job or ''} {self.state or self.code or ''}".strip()


@dataclasses.dataclass
class Wish:
    """What one customer wants, and everything it saw of it."""

    marker: int
    manner: str
    model: str
    count: int
    is_edit: bool
    format: str
    key: str
    sights: list = dataclasses.field(default_factory=list)
    #: Answers to questions about the job, and to its cancellation.
    views: list = dataclasses.field(default_factory=list)
    cancellation: Sight | None = None
    idempotency_key: str | None = None

    @property
    def delivered(self):
        """The answers that had images."""
        return [sight for sight in self.sights if sight.status == 200 and "data" in (sight.body or {})]


class Customer(threading.Thread):
    def __init__(self, number, seed, gateway, keys, wishes, markers, closing):
        super().__init__(name=f"customer {number}", daemon=True)
        self.draw = random.Random(f"{seed} customer {number}")
        self.gateway = gateway
        self.keys = keys
        self.wishes = wishes
        self.markers = markers
        self.closing = closing
        #: What a customer itself stumbled over: a mistake of the test's, or an answer that is none.
        self.trouble = None

    def run(self):
        try:
            while not self.closing.is_set():
                self.act()
                time.sleep(self.draw.choice([0, self.draw.uniform(0, 0.1)]))
        except Exception as trouble:
            self.trouble = trouble

    def act(self):
        draw = self.draw
        model = draw.choice(list(MODELS))
        wish = Wish(
            marker=next(self.markers),
            manner=draw.choices(list(MANNERS), MANNERS.values())[0],
            model=model,
            count=draw.randint(1, MODELS[model]),
            is_edit=draw.random() < 0.25,
            format=draw.choice(["url", "b64_json"]),
            key=draw.choice(self.keys),
        )
        self.wishes.append(wish)
        getattr(self, wish.manner)(wish)

    # The manners

    def once(self, wish):
        self.order(wish, timeout=PATIENCE)

    def leaves(self, wish):
        self.order(wish, timeout=self.draw.uniform(0.01, 0.6))

    def repeats(self, wish):
        wish.idempotency_key = str(uuid.UUID(int=self.draw.getrandbits(128)))
        tries = self.draw.randint(2, 6)
        for patience in self.tries(tries):
            sight = self.order(wish, {"Idempotency-Key": wish.idempotency_key}, patience)
            if sight.status == 200 and self.draw.random() < 0.8:
                return

    def sdk(self, wish):
        for count, patience in enumerate(self.tries(4)):
            sight = self.order(wish, {"x-stainless-retry-count": str(count)}, patience)
            again = sight.status is None or sight.status in (408, 409, 429) or sight.status >= 500
            if not again or (sight.failure or "") == "told not to":
                return

    def later(self, wish):
        job = self.accepted(wish)
        deadline = time.monotonic() + PATIENCE
        while job and time.monotonic() < deadline:
            view = self.ask(wish, "GET", job)
            wish.views.append(view)
            if view.status == 200:
                return
            time.sleep(self.draw.uniform(0.05, 0.4))

    def cancels(self, wish):
        if job := self.accepted(wish):
            time.sleep(self.draw.uniform(0, 1))
            wish.cancellation = self.ask(wish, "DELETE", job)
            wish.views.append(self.ask(wish, "GET", job))

    def accepted(self, wish):
        """The id of a job that is promised; the promise itself may get lost, so it is asked for until it is there."""
        wish.idempotency_key = str(uuid.UUID(int=self.draw.getrandbits(128)))
        for _ in self.tries(8):
            headers = {"Idempotency-Key": wish.idempotency_key, "Prefer": "respond-async"}
            sight = self.order(wish, headers, 5)
            if sight.status is not None:
                return sight.job if sight.status in (200, 202) else None

    def tries(self, count):
        """So many times a patience, short or long, with a pause between them."""
        for index in range(count):
            if index:
                time.sleep(self.draw.uniform(0.02, 0.5))
            yield self.draw.choice([self.draw.uniform(0.05, 1), PATIENCE])

    # Requests

    def order(self, wish, headers={}, timeout=PATIENCE):
        order = {
            "model": wish.model,
            "prompt": f"an otter, number {wish.marker}",
            "n": wish.count,
            "seed": wish.marker * NUMBERS_PER_ORDER,
            "response_format": wish.format,
        }
        if wish.is_edit:
            body, media_type = form(order, INPUTS[wish.marker % len(INPUTS)])
            path = "/v1/images/edits"
        else:
            body, media_type = json.dumps(order).encode(), "application/json"
            path = "/v1/images/generations"
        headers = {"Content-Type": media_type} | headers
        sight = self.exchange("POST", path, wish.key, body, headers, timeout)
        wish.sights.append(sight)
        return sight

    def ask(self, wish, method, job):
        """A question about a job, which is repeated until it is answered."""
        for _ in range(100):
            sight = self.exchange(method, f"/v1/images/jobs/{job}", wish.key, None, {}, 10)
            if sight.status is not None:
                return sight
            time.sleep(0.1)
        return sight

    def exchange(self, method, path, key, body, headers, timeout):
        at, started = time.time(), time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {key}"} | headers)
            response = connection.getresponse()
            bytes = response.read()
        except (OSError, http.client.HTTPException) as failure:
            return Sight(at, time.monotonic() - started, None, failure=type(failure).__name__)
        finally:
            connection.close()
        body = json.loads(bytes)
        job = body.get("id") or (body.get("easel") or {}).get("id") or response.headers["x-request-id"]
        told = "told not to" if response.headers["x-should-retry"] == "false" else None
        for item in body.get("data", []) if isinstance(body.get("data"), list) else []:
            if item.get("b64_json"):
                # Images are remembered by what they are; all of them would be a lot.
                bytes = base64.b64decode(item.pop("b64_json"), validate=True)
                item["digest"] = hashlib.sha256(bytes).hexdigest()
        return Sight(at, time.monotonic() - started, response.status, job, body, told)


def form(order, image):
    """A form with a boundary of its own each time, as clients make them."""
    boundary = f"otter{uuid.uuid4().hex}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in order.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + image + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
