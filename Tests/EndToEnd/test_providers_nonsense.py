"""Whatever a provider of any kind does, its request fails in time and clearly, and nobody else waits for it."""

import json
import threading
import time

import pytest

import upstreams
import upstreams_pages
import upstreams_queues
from conftest import serving, starter
from gateway import OFFLINE, SANDBOX, assert_error
from pictures import data_uri, picture

#: Seconds that a request may take at an impatient gateway, and that any other may take meanwhile on a busy machine.
PATIENCE, NEIGHBOUR_WITHIN = 1, 3
PROVIDERS = [
    upstreams.OpenAI,
    upstreams.Modelverse,
    upstreams_pages.BizyAir,
    upstreams_pages.SiliconFlow,
    upstreams_pages.DMXAPI,
    upstreams_pages.QwenImageEdit2509,
    upstreams_queues.SeaArt,
    upstreams_queues.Fal,
]
QUEUES = [upstreams_queues.SeaArt, upstreams_queues.Fal]


def hanging(exchange):
    """Says nothing at all until the other side has gone."""
    exchange.connection.recv(1)
    exchange.close_connection = True


def dripping(exchange):
    """A byte a second, for as long as anybody listens."""
    exchange.begin(200, 100_000)
    for byte in b'{"created": 1,' + b" " * 50:
        exchange.wfile.write(bytes([byte]))
        time.sleep(1)


def error_in_success(exchange):
    exchange.send(200, {"success": False, "error": {"code": "server_error", "message": "out of paint"}})


#: What an answer is → the statuses that fit it, and whether it takes until patience ends.
NONSENSE = {
    "hangs": (hanging, [504], True),
    "drips": (dripping, [502, 504], True),
    "never ends": (upstreams.endless, [502, 504], True),
    "closes": (upstreams.no_answer, [502], False),
    "redirects": (upstreams.redirect_to("http://169.254.169.254/latest/meta-data/"), [502], False),
    "has an error in its success": (error_in_success, [502], False),
    "is cut short": (upstreams.truncated_json, [502], False),
    "is HTML": (upstreams.status(200, b"<html>Welcome</html>", "text/html"), [502], False),
    "is a string": (upstreams.status(200, b'"fine"'), [502], False),
    "is an empty object": (upstreams.status(200, {}), [502], False),
    "is empty": (upstreams.status(200, b""), [502], False),
}


@pytest.fixture(scope="module", params=PROVIDERS, ids=lambda upstream: upstream.__name__)
def place(request, tmp_path_factory):
    """A gateway with one provider twice: `patient` waits for it as long as anybody would, `hasty` for a second."""
    serving_one = serving(request.param())
    upstream = next(serving_one)
    starting = starter(tmp_path_factory.mktemp("nonsense"))
    provider = {"dialect": upstream.dialect, "base_url": upstream.base_url, "api_key": "${UPSTREAM_KEY}"}
    # One failure after the other would have it left alone: see test_routes.py.
    provider |= upstream.settings | {"breaker": "off"}
    patience = {"timeout": f"{PATIENCE}s", "job_timeout": f"{PATIENCE}s"}
    easel = next(starting)(
        providers=OFFLINE | {"patient": provider, "hasty": provider | patience},
        models=SANDBOX
        | {name: {"routes": [{"provider": name, "model": upstream.edit_model}]} for name in ("patient", "hasty")},
        allow_private=["127.0.0.0/8"],
    )
    yield easel, upstream
    next(starting, None)
    next(serving_one, None)


def order(easel, model):
    image = data_uri(picture(width=400, height=400))
    body = {"model": model, "prompt": "an otter", "images": [{"image_url": image}]}
    return easel.post("/v1/images/edits", body)


class Neighbour:
    """Somebody else, who asks for an image again and again as long as the block lasts, and must not wait."""

    def __init__(self, easel):
        self.easel = easel
        self.seconds = []

    def __enter__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        while not self.over.is_set() or not self.seconds:
            started = time.monotonic()
            body = {"model": "sandbox", "prompt": "an otter", "size": "64x64"}
            if self.easel.post("/v1/images/generations", body).status != 200:
                self.seconds.append(float("inf"))
            self.seconds.append(time.monotonic() - started)
            self.over.wait(0.05)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert max(self.seconds) < NEIGHBOUR_WITHIN, f"the neighbour waited: {self.seconds}"


@pytest.mark.parametrize("kind", NONSENSE)
def test_an_answer_that(place, kind):
    easel, upstream = place
    answer, statuses, takes_patience = NONSENSE[kind]
    upstream.calls.clear()
    upstream.answer_with(answer)
    started = time.monotonic()
    with Neighbour(easel):
        refusal = order(easel, "hasty" if takes_patience else "patient")
    error = assert_error(refusal, refusal.status, type=...)
    assert refusal.status in statuses and error["code"], error
    assert time.monotonic() - started < PATIENCE + NEIGHBOUR_WITHIN
    assert len(upstream.calls) == 1
    job = json.loads(easel.run("jobs", "show", refusal.headers["x-request-id"], "--json"))
    assert job["state"] in ("failed", "unknown")


@pytest.mark.parametrize(
    "link", ["http://10.0.0.1/otter.png", "http://169.254.169.254/otter.png", "http://[fd00::1]/otter.png"]
)
def test_a_result_on_a_private_address(place, link):
    easel, upstream = place
    upstream.calls.clear()
    upstream.answer_with_link(link)
    with Neighbour(easel):
        refusal = order(easel, "patient")
    upstream.answer_with_link(None)
    assert assert_error(refusal, 502, type=...)["code"]
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("place", QUEUES, indirect=True, ids=lambda upstream: upstream.__name__)
@pytest.mark.parametrize("kind", NONSENSE)
def test_an_answer_to_a_question_that(place, kind):
    """Questions are free: they are asked again until patience ends, or something sensible comes."""
    easel, upstream = place
    upstream.calls.clear()
    upstream.answer_questions_with(*[NONSENSE[kind][0]] * 20)
    started = time.monotonic()
    with Neighbour(easel):
        refusal = order(easel, "hasty")
    upstream.answer_questions_as_usual()
    assert_error(refusal, refusal.status, type=...)
    assert refusal.status in (502, 504)
    assert time.monotonic() - started < 2 * PATIENCE + NEIGHBOUR_WITHIN
    assert len(upstream.calls) == 1
