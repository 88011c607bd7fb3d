"""Which provider an order goes to, when it goes on to the next, and when nobody is asked: paid calls are counted."""

import collections
import json
import threading
import time

import pytest

import upstreams
from conftest import serving, starter
from gateway import OFFLINE, SANDBOX, assert_error, eventually, free_port

#: Seconds that a hasty provider has for its answer.
PATIENCE = 1


class Provider(upstreams.OpenAI):
    """OpenAI's own, with the time of every paid call."""

    def __init__(self):
        super().__init__()
        self.times = []

    def respond(self, exchange):
        if exchange.call.method == "POST":
            self.times.append(time.monotonic())
        super().respond(exchange)


@pytest.fixture
def providers():
    """Three of them, in the order of their routes."""
    servings = [serving(Provider()) for _ in range(3)]
    yield [next(one) for one in servings]
    for one in servings:
        next(one, None)


def begin(start, *upstreams, weights=None, first={}, **configuration):
    """A gateway whose model `picture` has a route to each; `first` are settings of the first provider."""
    settings = {
        f"p{index}": {"dialect": one.dialect, "base_url": one.base_url, "api_key": "${UPSTREAM_KEY}"}
        for index, one in enumerate(upstreams)
    }
    settings["p0"] |= first
    routes = [{"provider": name, "model": one.model, "price": 0.04} for name, one in zip(settings, upstreams)]
    for route, weight in zip(routes, weights or []):
        route["weight"] = weight
    models = SANDBOX | {"picture": {"routes": routes}}
    return start(providers=OFFLINE | settings, models=models, allow_private=["127.0.0.0/8"], **configuration)


def order(easel, prompt="an otter", key=...):
    return easel.post("/v1/images/generations", {"model": "picture", "prompt": prompt}, key=key)


class Order(threading.Thread):
    """An order of somebody who waits for it."""

    def __init__(self, easel, *arguments, **options):
        super().__init__()
        self.arguments, self.options = (easel, *arguments), options
        self.start()

    def run(self):
        self.answer = order(*self.arguments, **self.options)

    def status(self):
        self.join()
        return self.answer.status


def counts(upstreams):
    return [len(one.calls) for one in upstreams]


def refused(answer, code="upstream_unavailable", within=30):
    """A refusal that bought nothing, and says when to come again; what it says."""
    error = assert_error(answer, 503, type="server_error", code=code)
    assert 1 <= int(answer.headers["retry-after"]) <= within
    assert answer.headers["x-should-retry"] != "false"
    assert "othing was bought" in error["message"]
    return error["message"]


# The next route


def moderated(exchange):
    body = {"error": {"message": "Your request was rejected.", "type": "image_generation_user_error", "param": None}}
    exchange.send(400, {"error": body["error"] | {"code": "moderation_blocked"}})


#: What provably bought nothing, and could go better elsewhere.
MOVES_ON = {
    "429": upstreams.status(429),
    "429 with Retry-After": upstreams.status(429, Retry_After="9"),
    "503": upstreams.status(503),
    "401": upstreams.status(401),
    "402": upstreams.status(402),
    "403": upstreams.status(403),
    "404": upstreams.status(404),
}
#: What may have been bought → the status the client gets, and whether it takes until patience ends.
DOUBTFUL = {
    "500": (upstreams.status(500), 502),
    "502": (upstreams.html_error, 503),
    "504": (upstreams.status(504), 504),
    "408": (upstreams.status(408), 504),
    "redirect": (upstreams.redirect_to("http://127.0.0.1:1/"), 502),
    "no answer": (upstreams.no_answer, 502),
    "half an answer": (upstreams.half_an_answer, 502),
    "no images": (upstreams.status(200, {}), 502),
    "time-out": (upstreams.silence, 504),
}
#: What no other provider would take either.
FINAL = {"400": upstreams.status(400), "moderation": moderated}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A gateway with two routes and no breaker, shared by the tests of what an answer leads to."""
    servings = [serving(Provider()) for _ in range(2)]
    pair = [next(one) for one in servings]
    starting = starter(tmp_path_factory.mktemp("routes"))
    easel = begin(next(starting), *pair, first={"breaker": "off", "timeout": f"{PATIENCE}s"})
    yield easel, pair
    next(starting, None)
    for one in servings:
        next(one, None)


@pytest.fixture
def two(pair):
    easel, both = pair
    for one in both:
        one.calls.clear()
    return easel, both


def story(easel, answer):
    return json.loads(easel.run("jobs", "show", answer.headers["x-request-id"], "--json"))


def test_the_first_route_comes_first(two):
    easel, both = two
    assert order(easel).status == 200
    assert counts(both) == [1, 0]


@pytest.mark.parametrize("kind", MOVES_ON)
def test_what_bought_nothing_moves_on(two, kind):
    easel, both = two
    both[0].answer_with(MOVES_ON[kind])
    answer = order(easel)
    assert answer.status == 200
    assert counts(both) == [1, 1]
    job = story(easel, answer)
    assert [attempt["state"] for attempt in job["attempts"]] == ["refused", "done"]


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_may_have_been_bought_goes_nowhere_else(two, kind):
    easel, both = two
    doubt, status = DOUBTFUL[kind]
    both[0].answer_with(doubt)
    answer = order(easel)
    assert_error(answer, status, type=...)
    assert answer.headers["x-should-retry"] == "false"
    assert counts(both) == [1, 0]
    assert story(easel, answer)["state"] == "unknown"


@pytest.mark.parametrize("kind", FINAL)
def test_an_order_that_is_wrong_goes_nowhere_else(two, kind):
    easel, both = two
    both[0].answer_with(FINAL[kind])
    assert_error(order(easel), 400, type=...)
    assert counts(both) == [1, 0]


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{closed}/v1", "https://127.0.0.1:{plain}/v1", "http://nowhere.invalid/v1"],
    ids=["no connection", "no TLS", "no such name"],
)
def test_a_provider_that_cannot_be_reached_bought_nothing(start, providers, address):
    # A server that speaks no TLS.
    plain = providers[2]._server.server_port
    unreachable = {"base_url": address.format(closed=free_port(), plain=plain)}
    easel = begin(start, *providers[:2], first=unreachable)
    assert order(easel).status == 200
    assert counts(providers) == [0, 1, 0]


# Weights


def test_routes_with_weights_share_the_orders(start, providers):
    easel = begin(start, *providers, weights=[3, 1, 0])
    for _ in range(60):
        assert order(easel).status == 200
    first, second, third = counts(providers)
    assert first + second == 60 and third == 0
    # 45 are expected; one run in a million is further from it.
    assert 29 <= first <= 58

    # The one that only stands in does.
    for one in providers[:2]:
        one.answer_with(upstreams.status(503))
    assert order(easel).status == 200
    assert len(providers[2].calls) == 1


# Providers that are left alone


def test_a_provider_that_fails_is_left_alone_tried_once_and_trusted_again(start, providers):
    provider = providers[0]
    easel = begin(start, provider, first={"breaker": {"failures": 3, "pause": "2s"}})
    provider.answer_with(*[upstreams.status(503)] * 4)
    for _ in range(3):
        assert order(easel).status == 503
    assert len(provider.calls) == 3
    message = refused(order(easel), within=2)
    assert "'picture'" in message
    assert len(provider.calls) == 3
    time.sleep(2)

    # The first probe fails, and the pause is twice as long.
    assert order(easel).status == 503
    assert len(provider.calls) == 4
    assert int(order(easel).headers["retry-after"]) in (3, 4)
    assert len(provider.calls) == 4
    time.sleep(4)

    # While the second is under way nobody else is sent.
    provider.pause()
    probe = Order(easel)
    provider.wait_for_calls(5)
    refused(order(easel))
    assert len(provider.calls) == 5
    provider.resume()
    assert probe.status() == 200
    assert [order(easel).status for _ in range(2)] == [200, 200]
    log = easel.log.read_text()
    assert log.count("provider fails and is left alone") == 2
    assert log.count("provider works again") == 1


def test_orders_go_past_a_provider_that_is_left_alone(start, providers):
    easel = begin(start, *providers[:2], first={"breaker": {"failures": 2, "pause": "2s"}})
    providers[0].answer_with(*[upstreams.status(503)] * 2)
    for _ in range(4):
        assert order(easel).status == 200
    assert counts(providers) == [2, 4, 0]
    time.sleep(2)
    assert order(easel).status == 200
    assert counts(providers) == [3, 4, 0]


def test_a_pause_that_the_provider_asks_for_is_kept(start, providers):
    easel = begin(start, *providers[:2])
    providers[0].answer_with(upstreams.status(429, Retry_After="2"))
    started = time.monotonic()
    while counts(providers)[0] < 2:
        assert order(easel).status == 200
        assert time.monotonic() - started < 10
    assert providers[0].times[1] - providers[0].times[0] >= 1.95
    # Everything in between went to the other.
    assert len(providers[1].calls) > 1


def test_orders_that_are_wrong_do_not_count_against_a_provider(start, providers):
    easel = begin(start, *providers[:1], first={"breaker": {"failures": 2}})
    providers[0].answer_with(*[upstreams.status(400), moderated] * 2)
    assert [order(easel).status for _ in range(5)] == [400, 400, 400, 400, 200]


def test_another_key_is_tried_at_once_and_the_same_one_is_not(start, providers):
    easel = begin(start, *providers[:1], first={"api_key": "wrong"})
    assert_error(order(easel), 502, type=..., code="upstream_auth_failed")
    refused(order(easel))
    assert len(providers[0].calls) == 1
    easel.run("reload")
    refused(order(easel))
    assert len(providers[0].calls) == 1
    settings = json.loads(easel.config.read_text())
    settings["providers"]["p0"]["api_key"] = "${UPSTREAM_KEY}"
    easel.config.write_text(json.dumps(settings))
    easel.run("reload")
    assert order(easel).status == 200


# Orders that wait


def test_a_full_queue_refuses_the_next(start, providers):
    provider = providers[0]
    provider.pause()
    easel = begin(start, provider, first={"concurrency": 1, "queue": 2})
    clients = [Order(easel) for _ in range(3)]
    eventually(lambda: len(easel.jobs()) == 3)
    provider.wait_for_calls()
    message = refused(order(easel))
    assert "2 requests are waiting for the provider 'p0'" in message and "'queue'" in message
    assert len(provider.calls) == 1
    provider.resume()
    assert [client.status() for client in clients] == [200] * 3
    assert len(provider.calls) == 3


def test_who_has_waited_long_enough_is_refused(start, providers):
    provider = providers[0]
    provider.pause()
    easel = begin(start, provider, first={"concurrency": 1, "queue_wait": "500ms"})
    client = Order(easel)
    provider.wait_for_calls()
    started = time.monotonic()
    assert "'queue_wait'" in refused(order(easel))
    assert 0.5 <= time.monotonic() - started < 5
    provider.resume()
    assert client.status() == 200
    assert len(provider.calls) == 1


def test_orders_that_find_no_place_go_to_the_next_route(start, providers):
    providers[0].pause()
    easel = begin(start, *providers[:2], first={"concurrency": 1, "queue": 0})
    client = Order(easel)
    providers[0].wait_for_calls()
    assert [order(easel).status for _ in range(3)] == [200] * 3
    assert counts(providers) == [1, 3, 0]
    providers[0].resume()
    assert client.status() == 200


def test_a_rate_is_kept(start, providers):
    provider = providers[0]
    easel = begin(start, provider, first={"rate": "3/second"})
    clients = [Order(easel) for _ in range(8)]
    assert [client.status() for client in clients] == [200] * 8
    times = sorted(provider.times)
    # On a busy machine some take longer than others from the gateway's clock to this one.
    assert min(later - earlier for earlier, later in zip(times, times[3:])) > 0.5
    assert 1.5 < times[-1] - times[0] < 10


def test_keys_take_turns(start, providers):
    provider = providers[0]
    provider.pause()
    easel = begin(start, provider, first={"concurrency": 1})
    other = easel.create_key("other")
    clients = []
    for number in range(5):
        clients.append(Order(easel, f"otter {number} of the busy key"))
        eventually(lambda: len(easel.jobs()) == len(clients))
    clients.append(Order(easel, "the other's otter", key=other))
    eventually(lambda: len(easel.jobs()) == len(clients))
    provider.resume()
    assert collections.Counter(client.status() for client in clients) == {200: 6}
    prompts = [call.json["prompt"] for call in provider.calls]
    assert prompts.index("the other's otter") <= 2, prompts
    assert [prompt for prompt in prompts if "busy" in prompt] == [f"otter {n} of the busy key" for n in range(5)]
