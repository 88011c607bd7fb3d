"""Stopping: what can be finished is, what cannot goes on at the next start, and every client is told which."""

import signal
import threading
import time

import pytest

import upstreams
import upstreams_queues
from conftest import serving
from gateway import assert_error, eventually

unavailable = upstreams.status(503)


@pytest.fixture
def fal_upstream():
    yield from serving(upstreams_queues.Fal())


class Client(threading.Thread):
    """Somebody who waits for an image."""

    def __init__(self, easel, **body):
        super().__init__()
        self.order = {"model": "picture", "prompt": "an otter"} | body
        self.easel = easel
        self.start()

    def run(self):
        self.answer = self.easel.post("/v1/images/generations", self.order)


def ended(easel, within):
    """Waits until the process has ended by itself, and says how long that took."""
    start = time.monotonic()
    process, easel.process = easel.process, None
    assert process.wait(within) == 0, easel.log.read_text()
    return time.monotonic() - start


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_jobs_under_way_are_finished(start, openai_upstream, stop):
    openai_upstream.pause()
    easel = start(openai_upstream, stop_within="60s")
    client = Client(easel)
    openai_upstream.wait_for_calls()
    easel.process.send_signal(stop)
    eventually(lambda: "stopping" in easel.log.read_text())
    with pytest.raises(ConnectionRefusedError):
        easel.get("/healthz")
    openai_upstream.resume()
    client.join()
    assert client.answer.status == 200
    assert ended(easel, within=10) < 10
    assert easel.jobs()[0]["state"] == "done"


def test_an_idle_gateway_stops_at_once(start):
    easel = start(stop_within="60s")
    with easel.connect() as connection:
        easel.process.send_signal(signal.SIGTERM)
        assert ended(easel, within=10) < 3
        assert connection.recv(1) == b""


def test_who_waits_for_a_job_that_is_left_is_told_where_to_ask(start, fal_upstream):
    fal_upstream.answer_questions_with(*[unavailable] * 1000)
    easel = start(fal_upstream, stop_within="500ms")
    client = Client(easel)
    eventually(lambda: fal_upstream.questions)
    easel.process.send_signal(signal.SIGTERM)
    client.join()
    error = assert_error(client.answer, 503, type="server_error", code="shutting_down")
    assert client.answer.headers["x-should-retry"] == "false"
    location = client.answer.headers["location"]
    assert location in error["message"]
    ended(easel, within=10)
    assert easel.jobs()[0]["state"] == "submitted"

    fal_upstream.answer_questions_as_usual()
    easel.start()
    job = eventually(lambda: (job := easel.get(location).json)["state"] == "done" and job)
    assert easel.fetch(job["data"][0]["url"]).status == 200
    assert len(fal_upstream.calls) == 1


def test_a_second_signal_does_not_wait(start, openai_upstream):
    openai_upstream.pause()
    easel = start(openai_upstream, stop_within="60s")
    client = Client(easel)
    openai_upstream.wait_for_calls()
    easel.process.send_signal(signal.SIGTERM)
    eventually(lambda: "stopping" in easel.log.read_text())
    easel.process.send_signal(signal.SIGTERM)
    assert ended(easel, within=10) < 5
    client.join()
    assert_error(client.answer, 503, type="server_error", code="shutting_down")
    # Its answer went down with the process: nobody knows whether it was charged, and it is not bought again.
    openai_upstream.resume()
    easel.start()
    location = client.answer.headers["location"]
    eventually(lambda: easel.get(location).json["state"] == "unknown")
    assert len(openai_upstream.calls) == 1


def test_what_waits_for_its_turn_is_not_bought_any_more(start, openai_upstream):
    openai_upstream.pause()
    openai_upstream.settings = {"concurrency": 1}
    easel = start(openai_upstream, stop_within="300ms")
    clients = [Client(easel) for _ in range(4)]
    eventually(lambda: len(easel.jobs()) == 4)
    easel.process.send_signal(signal.SIGTERM)
    ended(easel, within=10)
    for client in clients:
        client.join()
        assert_error(client.answer, 503, type="server_error", code="shutting_down")
    assert len(openai_upstream.calls) == 1
    easel.start()
    eventually(lambda: not {"accepted", "submitted", "storing"} & {job["state"] for job in easel.jobs()})
    states = sorted(job["state"] for job in easel.jobs())
    assert states == ["failed"] * 3 + ["unknown"]
    # Only who may have been charged is told not to ask again.
    told = sorted(client.answer.headers["x-should-retry"] or "" for client in clients)
    assert told == ["", "", "", "false"]


def test_an_upload_that_comes_too_late_is_refused(start):
    easel = start(stop_within="60s")
    order = easel.order(model="sandbox")
    with easel.connect() as connection:
        connection.sendall(order[:-10])
        time.sleep(0.2)
        easel.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping" in easel.log.read_text())
        connection.sendall(order[-10:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ") and b'"shutting_down"' in answer
    assert b"nothing was bought" in answer
    ended(easel, within=10)
    assert easel.jobs() == []


def test_a_stop_lasts_no_longer_than_stop_within(start, openai_upstream):
    openai_upstream.pause()
    easel = start(openai_upstream, stop_within="1s")
    client = Client(easel)
    openai_upstream.wait_for_calls()
    easel.process.send_signal(signal.SIGTERM)
    assert 0.9 < ended(easel, within=10) < 6
    client.join()
    assert_error(client.answer, 503, type="server_error", code="shutting_down")


def test_a_queue_task_outlives_several_stops(start, fal_upstream):
    fal_upstream.answer_questions_with(*[unavailable] * 1000)
    easel = start(fal_upstream, stop_within="200ms")
    client = Client(easel)
    for _ in range(3):
        seen = len(fal_upstream.questions)
        eventually(lambda seen=seen: len(fal_upstream.questions) > seen)
        easel.process.send_signal(signal.SIGTERM)
        ended(easel, within=10)
        easel.start()
    client.join()
    fal_upstream.answer_questions_as_usual()
    location = client.answer.headers["location"]
    job = eventually(lambda: (job := easel.get(location).json)["state"] == "done" and job)
    assert easel.fetch(job["data"][0]["url"]).body == fal_upstream.made[0]
    assert len(fal_upstream.calls) == 1


def test_an_unfinished_download_goes_on_at_the_next_start(start, openai_upstream):
    [made] = openai_upstream.make(1)
    link = openai_upstream.publish(made)
    openai_upstream.answer_with(upstreams.status(200, {"created": 1, "data": [{"url": link}]}))
    is_over = threading.Event()

    def stuck(exchange):
        exchange.begin(200, len(made), "image/png")
        exchange.wfile.write(made[:100])
        exchange.wfile.flush()
        is_over.wait(30)
        exchange.close_connection = True

    openai_upstream.answer_downloads_with(stuck)
    easel = start(openai_upstream, stop_within="500ms")
    client = Client(easel)
    eventually(lambda: openai_upstream.downloads)
    easel.process.send_signal(signal.SIGTERM)
    ended(easel, within=10)
    is_over.set()
    client.join()
    assert easel.jobs()[0]["state"] == "storing"

    easel.start()
    location = client.answer.headers["location"]
    job = eventually(lambda: (job := easel.get(location).json)["state"] == "done" and job)
    assert easel.fetch(job["data"][0]["url"]).body == made
    assert len(openai_upstream.calls) == 1


def test_a_job_that_was_promised_is_finished_after_the_next_start(start, fal_upstream):
    fal_upstream.answer_questions_with(*[unavailable] * 1000)
    easel = start(fal_upstream, stop_within="200ms")
    body = {"model": "picture", "prompt": "an otter"}
    promise = easel.post("/v1/images/generations", body, headers={"Prefer": "respond-async"})
    assert promise.status == 202
    eventually(lambda: fal_upstream.questions)
    easel.process.send_signal(signal.SIGTERM)
    ended(easel, within=10)

    fal_upstream.answer_questions_as_usual()
    easel.start()
    location = promise.headers["location"].removeprefix(easel.origin)
    eventually(lambda: easel.get(location).json["state"] == "done")
    assert len(fal_upstream.calls) == 1
