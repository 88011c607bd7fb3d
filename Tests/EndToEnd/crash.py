"""Kills a gateway under load again and again, and compares afterwards what everybody saw: no difference is allowed.

    python Tests/EndToEnd/crash.py [KILLS] [SEED]

The seed decides what is ordered, what becomes of every order at the providers, and when the gateway is killed. What the
machine does between two of those moments is its own affair, so a seed repeats the circumstances of a failure rather
than every microsecond of it; the printed timeline tells what happened this time.
"""

import collections
import itertools
import pathlib
import random
import sys
import tempfile
import threading
import time

from counting import DIALECTS, CountingProviders
from gateway import Gateway, eventually, free_port
from load import Customer
from reconciliation import Books, differences, shown

CUSTOMERS = 12
#: Seconds that everything which is under way may take to end after the last kill.
SETTLE_WITHIN = 40
#: Millionths of a dollar for one image, wherever it is made.
PRICE = 30_000

#: When to kill, and how often of a hundred times: at some time, or right after something happened.
MOMENTS = {
    "some time": 34,
    "starting": 8,
    "painter: order": 5,
    "press: order": 4,
    "studio: order": 7,
    "shop: answered (refused)": 4,
    "painter: answered (base64)": 5,
    "painter: answered (link)": 6,
    "press: answered (link)": 4,
    "studio: answered (link)": 7,
    "studio: poll": 5,
    "download": 6,
    "downloaded": 5,
}
#: Model → where it is made.
ROUTES = {
    "portrait": ["painter"],
    "poster": ["painter"],
    "print": ["press"],
    "mural": ["studio"],
    "frieze": ["studio"],
    "bargain": ["shop", "painter"],
    "errand": ["nobody", "shop", "studio"],
}


class Crashes:
    """One run: a gateway, its providers, its customers, and the kills."""

    def __init__(self, folder, kills, seed, say=print):
        self.kills, self.seed, self.say = kills, seed, say
        self.draw = random.Random(f"{seed} kills")
        self.providers = CountingProviders(seed)
        dialects = folder / "dialects"
        dialects.mkdir()
        for name, text in DIALECTS.items():
            (dialects / f"{name}.yaml").write_text(text)
        nobody = {"dialect": "painter", "base_url": f"http://127.0.0.1:{free_port()}", "api_key": "x"}
        price = PRICE / 1_000_000
        self.gateway = Gateway(
            folder,
            dialects=str(dialects),
            durability="full",
            allow_private=["127.0.0.0/8"],
            providers=self.providers.configuration() | {"nobody": nobody},
            models={
                model: {"routes": [{"provider": name, "model": name, "price": price} for name in providers]}
                for model, providers in ROUTES.items()
            },
            defaults={},
        )
        #: From when to when it was killed, and what had just happened.
        self.killed = []
        self.wishes = []

    def go(self):
        """Runs it all and returns the differences; none, if all is well."""
        started = time.monotonic()
        try:
            self.gateway.start()
            keys = [self.gateway.create_key(name) for name in ("ann", "bob")]
            closing = threading.Event()
            markers = itertools.count(1)
            customers = [
                Customer(number, self.seed, self.gateway, keys, self.wishes, markers, closing)
                for number in range(CUSTOMERS)
            ]
            for customer in customers:
                customer.start()
            for _ in range(self.kills):
                self.kill_once()
            time.sleep(0.5)
            closing.set()
            self.say(f"{len(self.killed)} kills after {time.monotonic() - started:.0f} s, letting it settle")
            for customer in customers:
                customer.join(60)
            found = [f"a customer failed: {customer.trouble!r}" for customer in customers if customer.trouble]
            found += [f"{customer.name} still waits" for customer in customers if customer.is_alive()]
            found += [f"a provider got what it does not take: {text}" for text in self.providers.complaints]
            found += self.settle()
            found += differences(self, self.compare_live)
            return found
        finally:
            self.gateway.end()
            self.providers.close()
            self.say(f"{time.monotonic() - started:.0f} s in all")

    def kill_once(self):
        [moment] = self.draw.choices(list(MOMENTS), MOMENTS.values())
        pause = self.draw.choice([0, self.draw.uniform(0, 0.01), self.draw.uniform(0, 0.05)])
        if moment == "some time":
            time.sleep(self.draw.uniform(0, 1.5))
        elif moment == "starting":
            self.kill("some time")
            self.gateway.launch()
            time.sleep(self.draw.uniform(0, 0.15))
        elif self.providers.wait_for(moment, within=3):
            time.sleep(pause)
        self.kill(moment)
        self.gateway.start()

    def kill(self, moment):
        began = time.time()
        self.gateway.kill()
        self.killed.append((began, time.time(), moment))
        self.providers.note(f"KILL after {moment}", None)

    def settle(self):
        """Waits until no job is under way any more, and what the last kill left on the disk is cleared away."""

        def is_settled():
            books = Books(self.gateway.data)
            is_over = all(job.is_finished for job in books.jobs.values())
            return is_over and len(books.files()) <= len(books.blobs)

        try:
            eventually(is_settled, within=SETTLE_WITHIN)
            return []
        except AssertionError:
            return [f"not settled {SETTLE_WITHIN} s after the last kill"]

    def compare_live(self, books, compare):
        """What only a running gateway can show; then it is stopped, and the rest is compared on disk."""
        compare(books)
        self.gateway.stop()

    # What it was

    def summary(self):
        """What the run met, so that a run which proves nothing shows."""
        books = Books(self.gateway.data)
        submissions = self.providers.submissions
        killed = [at for _, at, _ in self.killed]

        def spans_kill(start, end):
            return any(start < at < end for at in killed)

        return {
            "kills": len(self.killed),
            "orders": len(self.wishes),
            "answers": sum(len(wish.sights) for wish in self.wishes),
            "jobs": dict(collections.Counter(job.state for job in books.jobs.values())),
            "submissions": dict(collections.Counter(submission.fate for submission in submissions)),
            "images": len(books.images),
            "tasks followed across a kill": sum(
                bool(submission.polls) and spans_kill(submission.polls[0], submission.polls[-1])
                for submission in submissions
            ),
            "downloads resumed across a kill": sum(
                bool(submission.downloads) and spans_kill(submission.downloads[0][0], submission.downloads[-1][0])
                for submission in submissions
            ),
            "repeated orders that were answered": sum(
                len(wish.delivered) > 0 and len(wish.sights) > 1 for wish in self.wishes
            ),
        }


def main(arguments):
    kills = int(arguments[0]) if arguments else 30
    seed = arguments[1] if len(arguments) > 1 else str(random.randrange(1_000_000))
    print(f"{kills} kills, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="easel-crash-") as folder:
        crashes = Crashes(pathlib.Path(folder), kills, seed)
        found = crashes.go()
        for name, value in crashes.summary().items():
            print(f"  {name}: {value}")
        if found:
            print(shown(crashes, found))
            return 1
    print("No difference between providers, ledger, disk and customers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
