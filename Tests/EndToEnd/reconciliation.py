"""Compares what four parties hold to have happened: the providers, the ledger, the disk, and the customers.

Every rule below is a function that yields the differences it finds, as sentences. None is the only good number.
"""

import collections
import dataclasses
import hashlib
import http.client
import json
import re
import sqlite3
import time
from urllib.parse import urlsplit

from counting import NUMBERS_PER_ORDER

#: Seconds between a provider's answer and the row that says so, on a busy machine.
WRITING = 1.5
#: Seconds by which the clocks of two processes may seem to differ.
INSTANT = 0.01

FINISHED = {"done", "failed", "cancelled", "unknown"}


@dataclasses.dataclass
class Attempt:
    job: str
    ordinal: int
    provider: str
    state: str
    submitted_at: float
    answered_at: float | None
    task: str | None
    pending: str | None
    #: The orders that the provider got by it.
    submissions: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Job:
    id: str
    key: str
    model: str
    state: str
    marker: int
    wanted: int
    accepted_at: float
    finished_at: float | None
    cost: int | None
    error: dict | None
    image_count: int
    #: Why images are missing.
    missing: list
    attempts: list = dataclasses.field(default_factory=list)
    #: Digests of its images, in order.
    digests: list = dataclasses.field(default_factory=list)
    tokens: list = dataclasses.field(default_factory=list)

    @property
    def is_finished(self):
        return self.state in FINISHED

    @property
    def submissions(self):
        return [submission for attempt in self.attempts for submission in attempt.submissions]

    def __str__(self):
        return f"{self.id} (otter {self.marker}, {self.model}, {self.state})"


class Books:
    """The ledger and the blob store, as they are on disk."""

    def __init__(self, data):
        self.data = data
        connection = sqlite3.connect(f"file:{data}/easel.sqlite?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")  # one moment for all of it
        keys = {row["id"]: row["name"] for row in connection.execute("SELECT id, name FROM keys")}
        self.jobs = {}
        for row in connection.execute("SELECT * FROM jobs ORDER BY accepted_at, id"):
            self.jobs[row["id"]] = Job(
                id=row["id"],
                key=keys[row["key_id"]],
                model=row["model"],
                state=row["state"],
                marker=json.loads(row["parameters"])["seed"] // NUMBERS_PER_ORDER,
                wanted=row["wanted_images"],
                accepted_at=row["accepted_at"] / 1e6,
                finished_at=row["finished_at"] and row["finished_at"] / 1e6,
                cost=row["cost"],
                error=row["error"] and json.loads(row["error"]),
                image_count=row["images"],
                missing=json.loads(row["missing"] or "[]"),
            )
        for row in connection.execute("SELECT * FROM attempts ORDER BY job_id, ordinal"):
            attempt = Attempt(
                job=row["job_id"],
                ordinal=row["ordinal"],
                provider=row["provider"],
                state=row["state"],
                submitted_at=row["submitted_at"] / 1e6,
                answered_at=row["answered_at"] and row["answered_at"] / 1e6,
                task=row["task"],
                pending=row["pending"],
            )
            self.jobs[attempt.job].attempts.append(attempt)
        #: Token → digest, and digest → bytes of an image in the ledger itself.
        self.images, self.contents = {}, {}
        for row in connection.execute(
            "SELECT token, job_id, position, digest, NULL AS content FROM images UNION ALL "
            "SELECT token, job_id, position, digest, content FROM small_images ORDER BY job_id, position"
        ):
            self.images[row["token"]] = row["digest"].hex()
            self.jobs[row["job_id"]].digests.append(row["digest"].hex())
            self.jobs[row["job_id"]].tokens.append(row["token"])
            if row["content"] is not None:
                self.contents[row["digest"].hex()] = row["content"]
        #: Digest → bytes that a file should have.
        self.blobs = {row["digest"].hex(): row["bytes"] for row in connection.execute("SELECT * FROM blobs")}
        self.integrity = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        self.violations = [tuple(row) for row in connection.execute("PRAGMA foreign_key_check")]
        connection.close()
        self.by_marker = collections.defaultdict(list)
        for job in self.jobs.values():
            self.by_marker[job.marker].append(job)

    def files(self):
        """Digest → file, of every file among the images."""
        folder = self.data / "blobs"
        return {path.parent.name + path.name: path for path in folder.rglob("*") if path.is_file()}

    def assign(self, submissions):
        """Gives every order to the attempt it came from: the last one at that provider before it came.

        Returns those that nobody wrote down.
        """
        orphans = []
        for submission in submissions:
            candidates = [
                attempt
                for job in self.by_marker[submission.marker]
                for attempt in job.attempts
                if attempt.provider == submission.provider and attempt.submitted_at <= submission.at + INSTANT
            ]
            if candidates:
                max(candidates, key=lambda attempt: attempt.submitted_at).submissions.append(submission)
            else:
                orphans.append(submission)
        return orphans


def differences(run, compare_live):
    """Everything that does not agree; `compare_live` ends the gateway once what it serves has been compared."""
    found = []

    def compare(books):
        found.extend(f"served: {text}" for text in Comparison(run, books).served())

    compare_live(Books(run.gateway.data), compare)
    for rule in Comparison(run, Books(run.gateway.data)).rules:
        found += [f"{rule.__name__}: {text}" for text in rule()]
    return found


class Comparison:
    def __init__(self, run, books):
        self.run, self.books = run, books
        self.submissions = run.providers.submissions
        self.killed = [(began, ended) for began, ended, _ in run.killed]
        self.orphans = books.assign(self.submissions)
        self.by_number = collections.defaultdict(list)
        for submission in self.submissions:
            self.by_number[submission.number].append(submission)
        self.rules = [
            self.money, self.written_down, self.job_states, self.attempt_states, self.tasks, self.downloads,
            self.images, self.costs, self.answers, self.promises, self.availability, self.disk, self.database,
        ]  # fmt: skip

    def was_killed(self, start, end):
        return any(start - INSTANT <= ended and began <= end for began, ended in self.killed)

    # The providers and the ledger

    def money(self):
        """Nothing is ordered again unless every order before it provably bought nothing."""
        for number, orders in self.by_number.items():
            orders = sorted(orders, key=lambda order: order.at)
            for earlier, later in zip(orders, orders[1:]):
                if not earlier.is_refused:
                    yield (
                        f"otter {earlier.marker}: {number} was ordered from {later.provider}"
                        f" although {earlier.provider} had it ({earlier.fate}) {later.at - earlier.at:.2f} s before"
                    )

    def written_down(self):
        """No order without a row that was there before it."""
        for submission in self.orphans:
            yield f"otter {submission.marker}: {submission.provider} got an order that no attempt stands for"
        for job in self.books.jobs.values():
            for attempt in job.attempts:
                counts = collections.Counter(submission.number for submission in attempt.submissions)
                if counts and max(counts.values()) > 1:
                    yield f"{job}: attempt {attempt.ordinal} was sent {max(counts.values())} times"
        names = dict(zip(self.keys, ("ann", "bob")))
        for wish in self.run.wishes:
            for job in self.books.by_marker[wish.marker]:
                if (job.key, job.model, job.wanted) != (names[wish.key], wish.model, wish.count):
                    yield f"{job}: belongs to {job.key}, {job.wanted} images; {wish} was asked for"
            kept = [job for job in self.books.by_marker[wish.marker] if job.state != "failed"]
            if len(kept) > 1:
                yield f"otter {wish.marker}: is {len(kept)} jobs: {', '.join(map(str, kept))}"

    @property
    def keys(self):
        return list(dict.fromkeys(self.run.gateway.secrets[-2:]))

    def job_states(self):
        """A job is over, and its end is the one that its attempts had."""
        for job in self.books.jobs.values():
            bought = [submission for submission in job.submissions if submission.is_bought]
            last = job.attempts[-1].state if job.attempts else None
            if not job.is_finished:
                yield f"{job}: is not over"
            elif job.finished_at is None:
                yield f"{job}: is over, but nobody knows since when"
            if job.state == "failed" and bought:
                yield f"{job}: failed, but {len(bought)} orders of it were bought"
            if job.state == "failed" and last in ("submitted", "unknown", "done"):
                yield f"{job}: failed, but its last attempt is {last}"
            if job.state == "done" and last != "done":
                yield f"{job}: is done, but its last attempt is {last}"
            if job.state in ("failed", "unknown") and not job.error:
                yield f"{job}: does not say why"
            if job.state == "cancelled" and bought:
                yield f"{job}: is cancelled, but {len(bought)} orders of it were bought"

    def attempt_states(self):
        """An attempt's state is no better and no worse than what the provider knows."""
        for job in self.books.jobs.values():
            for attempt in job.attempts:
                fates = [submission.fate for submission in attempt.submissions]
                what = f"{job}: attempt {attempt.ordinal} at {attempt.provider} is {attempt.state}"
                if attempt.state == "submitted" and job.is_finished:
                    yield f"{what}, but the job is over"
                if attempt.state == "refused" and not all(one.is_free for one in attempt.submissions):
                    yield f"{what}, but its orders were {fates}"
                if attempt.state == "done" and not any(one.is_bought for one in attempt.submissions):
                    yield f"{what}, but its orders were {fates}"
                if attempt.state == "unknown" and not self.excuses(attempt):
                    yield f"{what}, and nobody knows why: its orders were {fates}"
                if attempt.pending and job.is_finished:
                    yield f"{what}, and has results pending"

    def excuses(self, attempt):
        """Whether the gateway may have lost what became of an attempt."""
        for submission in attempt.submissions:
            if submission.fate in ("broken", "broken after all", "silent", "cut", "fails"):
                return True
            if self.was_killed(submission.at, (submission.answered_at or submission.at) + WRITING):
                return True
        return self.was_killed(attempt.submitted_at, attempt.submitted_at + WRITING)

    def tasks(self):
        """A queue task that was written down comes to its end, whatever happens to the gateway meanwhile."""
        for job in self.books.jobs.values():
            for attempt in job.attempts:
                written = attempt.task or ""
                for submission in attempt.submissions:
                    known = submission.task and (f'"{submission.task}"' in written or submission.polls)
                    if known and submission.is_bought and not set(submission.digests) <= set(job.digests):
                        if job.state != "cancelled":
                            yield f"{job}: {submission.task} was known and finished, but its image is not here"
                    if job.state != "done" and submission.polls and f'"{submission.task}"' not in written:
                        yield f"{job}: {submission.task} was polled, but is not written down"

    def downloads(self):
        """A picture whose download began arrives."""
        for job in self.books.jobs.values():
            begun = {digest for submission in job.submissions for _, digest in submission.downloads}
            if missing := begun - set(job.digests):
                yield f"{job}: {len(missing)} images were being downloaded and are not here"

    def images(self):
        """A job has the pictures that were made for it, and no others."""
        for job in self.books.jobs.values():
            made = {digest for submission in job.submissions for digest in submission.digests}
            if set(job.digests) - made:
                yield f"{job}: has images that nobody made for it"
            if len(set(job.digests)) != len(job.digests):
                yield f"{job}: has an image twice"
            if job.state == "done" and not job.digests:
                yield f"{job}: is done without an image"
            if job.state == "done" and job.image_count != len(job.digests):
                yield f"{job}: says {job.image_count} images and has {len(job.digests)}"
            if job.state != "done":
                continue
            if len(job.digests) + len(job.missing) < job.wanted:
                yield f"{job}: has {len(job.digests)} of {job.wanted} images, and says of {len(job.missing)} why"
            for submission in job.submissions:
                is_certain = submission.fate in ("base64", "link") and submission.is_bought
                if is_certain and not set(submission.digests) <= set(job.digests):
                    if not self.was_killed(submission.at, (submission.answered_at or submission.at) + WRITING):
                        yield f"{job}: an image of {submission.number} was delivered and is not here"

    def costs(self):
        """What was made has its price, what was refused costs nothing, and nothing else is called free."""
        for job in self.books.jobs.values():
            if job.state == "done":
                made = sum(len(one.digests) for one in job.submissions if one.is_bought)
                # Of what is missing nobody may know whether it was made: then it counts.
                most = job.wanted if job.missing else made
                if not made * self.price <= job.cost <= most * self.price:
                    yield f"{job}: {made} images were made, {len(job.missing)} are missing, and it cost {job.cost}"
            if job.state == "unknown" and job.cost == 0:
                yield f"{job}: is called free"
            if job.state in ("failed", "cancelled") and all(one.is_free for one in job.submissions) and job.cost != 0:
                yield f"{job}: bought nothing and cost {job.cost}"
            if job.state == "cancelled" and not all(one.is_free for one in job.submissions):
                yield f"{job}: is cancelled, but not all of its orders were"

    @property
    def price(self):
        return json.loads(self.run.gateway.config.read_text())["models"]["portrait"]["routes"][0]["price"] * 1_000_000

    # The customers

    def answers(self):
        """What a customer was told is what the ledger says."""
        for wish in self.run.wishes:
            what = f"otter {wish.marker} ({wish.manner}, {wish.model})"
            bought = any(one.is_bought for job in self.books.by_marker[wish.marker] for one in job.submissions)
            for sight in wish.sights:
                job = self.books.jobs.get(sight.job)
                if sight in wish.delivered:
                    yield from self.delivered(what, wish, sight, job)
                elif sight.status == 202 and job is None:
                    yield f"{what}: was promised {sight.job}, which does not exist"
                elif sight.status in (200, 202) and job.marker != wish.marker:
                    yield f"{what}: was promised {job}"
                elif sight.status and sight.status >= 400 and sight.code != "result_pending":
                    if job and job.state == "done":
                        yield f"{what}: was told {sight}, but the job is done"
                    if sight.status in (429, 503) and job and any(one.is_bought for one in job.submissions):
                        yield f"{what}: was told {sight}, but the job is bought"
                    if not job and wish.manner == "once" and (self.books.by_marker[wish.marker] or bought):
                        yield f"{what}: was told {sight}, but there is a job"
                if sight.status == 500 or sight.status == 404 or sight.status == 401:
                    yield f"{what}: was told {sight}: {sight.body}"

    def delivered(self, what, wish, sight, job):
        if job is None:
            return (yield f"{what}: has images of {sight.job}, which does not exist")
        if job.state != "done" or job.marker != wish.marker:
            return (yield f"{what}: has images of {job}")
        digests = [item.get("digest") or self.books.images.get(token(item["url"])) for item in sight.body["data"]]
        if digests != job.digests:
            yield f"{what}: {job} has other images than the answer: {digests} and {job.digests}"

    def promises(self):
        """What a customer was told of a job's end stays so."""
        for wish in self.run.wishes:
            for view in wish.views + [wish.cancellation] * (wish.cancellation is not None):
                job = self.books.jobs.get(view.job)
                if view.status is None:
                    yield f"otter {wish.marker}: a question about its job was never answered: {view}"
                elif job is None:
                    yield f"otter {wish.marker}: its job is gone: {view}"
                elif view.state in FINISHED and view.state != job.state:
                    yield f"{job}: a customer was told {view.state}"
            if wish.manner == "later" and wish.views and wish.views[-1].state not in FINISHED:
                yield f"otter {wish.marker}: nobody told how it ended: {wish.views[-1]}"

    def availability(self):
        """A gateway that nobody killed answers."""
        for wish in self.run.wishes:
            for sight in wish.sights:
                is_patient = wish.manner == "once" or sight.took > 20
                near = self.was_killed(sight.at - 2, sight.at + sight.took + INSTANT)
                if sight.status is None and is_patient and not near:
                    yield f"otter {wish.marker}: no answer after {sight.took:.1f} s: {sight}"

    def served(self):
        """What a customer got is still there: the job, its links, the bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.run.gateway.port, timeout=20)

        def get(path, key=None):
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
            response = connection.getresponse()
            return response.status, response.read()

        for wish in self.run.wishes:
            for sight in wish.delivered:
                for item in sight.body["data"]:
                    if "url" in item and (problem := self.differs(get, item["url"], None)):
                        yield f"otter {wish.marker}: {problem}"
            jobs = {sight.job for sight in wish.sights + wish.views if sight.job in self.books.jobs}
            for id in jobs:
                job = self.books.jobs[id]
                status, body = get(f"/v1/images/jobs/{id}", wish.key)
                body = json.loads(body)
                if (status, body.get("id"), body.get("state")) != (200, id, job.state):
                    yield f"{job}: is served as {status} {body.get('state')}"
                urls = [item["url"] for item in body.get("data", [])]
                if [self.books.images.get(token(url)) for url in urls] != job.digests:
                    yield f"{job}: is served with other images than it has"
                for url, digest in zip(urls, job.digests):
                    if problem := self.differs(get, url, digest):
                        yield f"{job}: {problem}"
                status, _ = get(f"/v1/images/jobs/{id}", next(key for key in self.keys if key != wish.key))
                if status != 404:
                    yield f"{job}: is shown to another key: {status}"
        connection.close()

    def differs(self, get, url, digest):
        status, bytes = get(urlsplit(url).path)
        expected = digest or self.books.images.get(token(url))
        if status != 200 or hashlib.sha256(bytes).hexdigest() != expected:
            return f"{url} gives {status} and {len(bytes)} bytes that are not its image"

    # The disk

    def disk(self):
        """Every row has its bytes or its file, every file its row, and nothing is left over."""
        for digest, content in self.books.contents.items():
            if hashlib.sha256(content).hexdigest() != digest:
                yield f"image {digest} has other bytes in the ledger"
        files = self.books.files()
        for digest, length in self.books.blobs.items():
            path = files.pop(digest, None)
            if path is None:
                yield f"image {digest} has no file"
            elif (bytes := path.read_bytes()) and (len(bytes), hashlib.sha256(bytes).hexdigest()) != (length, digest):
                yield f"image {digest} has other bytes"
        for name in files:
            yield f"file {name} has no row"
        for digest in set(self.books.images.values()) - self.books.blobs.keys() - self.books.contents.keys():
            yield f"image {digest} is no blob"
        for path in (self.books.data / "spool").rglob("*"):
            if path.is_file():
                yield f"{path} is left over"

    def database(self):
        """The file is whole, and the gateway's own check finds no more than these rules."""
        if self.books.integrity != ["ok"] or self.books.violations:
            yield f"the database is damaged: {self.books.integrity} {self.books.violations}"
        try:
            self.run.gateway.run("check", "--data", "--deep")
        except AssertionError as error:
            yield f"easel check --data --deep: {error}"


def token(url):
    return urlsplit(url).path.removeprefix("/files/").partition(".")[0]


def shown(run, found, of_each=8):
    """The differences, and for the first of each kind everything that happened to its order."""
    kinds = collections.defaultdict(list)
    for text in found:
        kinds[text.partition(":")[0]].append(text)
    lines = [f"{len(found)} differences (seed {run.seed}, {len(run.killed)} kills):"]
    for texts in kinds.values():
        lines += [f"  {text}" for text in texts[:of_each]]
        if len(texts) > of_each:
            lines.append(f"  … and {len(texts) - of_each} more")
    for texts in kinds.values():
        if match := re.search(r"otter (\d+)", texts[0]):
            lines += timeline(run, int(match[1]))
    return "\n".join(lines)


def timeline(run, marker):
    """What happened to one order, in order, with the kills between."""
    events = [(at, f"  provider  {what}") for at, what, of in run.providers.events if of == marker]
    for wish in run.wishes:
        if wish.marker == marker:
            for sight in wish.sights + wish.views + [wish.cancellation] * (wish.cancellation is not None):
                events.append((sight.at, f"customer    asks ({wish.manner})"))
                events.append((sight.at + sight.took, f"customer    gets {sight}"))
    for job in Books(run.gateway.data).by_marker[marker]:
        events.append((job.accepted_at, f"    ledger  {job} accepted"))
        for attempt in job.attempts:
            events.append(
                (attempt.submitted_at, f"    ledger  {job.id} attempt {attempt.ordinal} at {attempt.provider}")
            )
            if attempt.answered_at:
                events.append((attempt.answered_at, f"    ledger  attempt is {attempt.state}, task {attempt.task}"))
        if job.finished_at:
            events.append((job.finished_at, f"    ledger  {job.id} is {job.state}: {job.error}"))
    if not events:
        return []
    start, end = min(events)[0], max(events)[0]
    events += [(at, f"KILL        after {what}") for _, at, what in run.killed if start - 0.5 < at < end + 1]
    clock = lambda at: f"{time.strftime('%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03}"  # noqa: E731
    return [f"otter {marker}:"] + [f"  {clock(at)} {what}" for at, what in sorted(events)]
