"""A client that sends a request again buys nothing again: what the provider was asked for is counted."""

import http.client
import json
import threading
import time

import openai
import pytest

import upstreams
from gateway import bytes_of, eventually
from pictures import picture


def in_threads(*calls):
    """Starts every call in a thread of its own; the function it returns waits for the results, in order."""
    results = [None] * len(calls)

    def run(index):
        try:
            results[index] = calls[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=[index], daemon=True) for index in range(len(calls))]
    for thread in threads:
        thread.start()

    def wait():
        for thread in threads:
            thread.join(40)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    return wait


def impatient(easel, **options):
    """The stock client as it comes, but for a time-out that is over soon."""
    return easel.client.with_options(**{"timeout": 1, "max_retries": 2} | options)


def has_retried(easel, count=1):
    """The gateway has found the job of so many retries."""
    return lambda: easel.log.read_text().count("retry found its job") >= count


def abandon(easel, order):
    """A client that sends its request and leaves."""
    client = easel.connect()
    client.sendall(easel.order(**order))
    return client


@pytest.mark.parametrize("kind", ["generate", "edit"])
def test_a_client_that_times_out_and_tries_again_buys_once(start, openai_upstream, kind):
    easel = start(openai_upstream)
    openai_upstream.pause()
    arguments = {"model": "picture", "prompt": "an otter"} | ({"image": picture()} if kind == "edit" else {})
    wait = in_threads(lambda: getattr(impatient(easel).images.with_raw_response, kind)(**arguments))
    eventually(has_retried(easel))
    openai_upstream.resume()
    [answer] = wait()
    assert answer.headers["easel-replayed"] == "true"
    [job] = easel.jobs()
    assert answer.headers["x-request-id"] == job["id"]
    [image] = answer.parse().data
    assert bytes_of(image) == openai_upstream.made[0]
    assert len(openai_upstream.calls) == 1


def test_a_client_that_times_out_every_time_has_bought_once_and_lost_nothing(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with pytest.raises(openai.APITimeoutError):
        impatient(easel, timeout=0.5).images.generate(model="picture", prompt="an otter")
    eventually(has_retried(easel, 2))
    assert len(openai_upstream.calls) == 1
    openai_upstream.resume()
    eventually(lambda: [job["state"] for job in easel.jobs()] == ["done"])
    answer = easel.get(f"/v1/images/jobs/{easel.jobs()[0]['id']}")
    assert answer.status == 200
    assert easel.fetch(answer.json["data"][0]["url"]).body == openai_upstream.made[0]


def test_a_stream_that_is_asked_for_again_is_joined(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    order = {"model": "picture", "prompt": "an otter", "stream": True}
    with abandon(easel, order):
        openai_upstream.wait_for_calls()
    again = {"extra_headers": {"x-stainless-retry-count": "1"}}
    wait = in_threads(lambda: list(easel.client.images.generate(**order, **again)))
    eventually(has_retried(easel))
    openai_upstream.resume()
    [events] = wait()
    assert events[-1].type == "image_generation.completed"
    # And once more, now that it is done.
    assert list(easel.client.images.generate(**order, **again))[-1].b64_json == events[-1].b64_json
    assert len(openai_upstream.calls) == 1


def test_four_equal_orders_on_purpose_are_four_images_each_to_its_own_client(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    clients = [impatient(easel, timeout=2) for _ in range(4)]
    wait = in_threads(*[
        lambda client=client: client.images.with_raw_response.generate(model="picture", prompt="an otter")
        for client in clients
    ])  # fmt: skip
    openai_upstream.wait_for_calls(4)
    eventually(has_retried(easel, 4))
    openai_upstream.resume()
    answers = wait()
    assert len(openai_upstream.calls) == 4
    assert {answer.headers["x-request-id"] for answer in answers} == {job["id"] for job in easel.jobs()}
    assert {bytes_of(answer.parse().data[0]) for answer in answers} == set(openai_upstream.made)


def test_an_answer_that_nobody_took_is_there_for_the_next_try(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    order = {"model": "picture", "prompt": "an otter"}
    with abandon(easel, order):
        openai_upstream.wait_for_calls()
    openai_upstream.resume()
    eventually(lambda: [job["state"] for job in easel.jobs()] == ["done"])
    answer = easel.post("/v1/images/generations", order, headers={"x-stainless-retry-count": "1"})
    assert answer.headers["easel-replayed"] == "true"
    assert len(openai_upstream.calls) == 1
    # A new order of the same is a new order.
    assert "easel-replayed" not in easel.post("/v1/images/generations", order).headers
    assert len(openai_upstream.calls) == 2


def test_a_provider_that_refused_is_asked_again_by_the_next_try(start, openai_upstream):
    openai_upstream.answer_with(upstreams.status(429), upstreams.status(429))
    easel = start(openai_upstream)
    answer = impatient(easel, timeout=20).images.generate(model="picture", prompt="an otter")
    assert bytes_of(answer.data[0]) == openai_upstream.made[0]
    assert len(openai_upstream.calls) == 3
    assert sorted(job["state"] for job in easel.jobs()) == ["done", "failed", "failed"]


def test_an_order_whose_answer_was_lost_is_not_bought_again(start, openai_upstream):
    openai_upstream.answer_with(upstreams.no_answer)
    easel = start(openai_upstream)
    with pytest.raises(openai.APIStatusError) as first:
        impatient(easel, timeout=20).images.generate(model="picture", prompt="an otter")
    again = {"x-stainless-retry-count": "1"}
    answer = easel.post("/v1/images/generations", {"model": "picture", "prompt": "an otter"}, headers=again)
    assert answer.status == first.value.status_code
    assert answer.json["error"]["message"] == first.value.body["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert len(openai_upstream.calls) == 1


@pytest.mark.parametrize("named", [{}, {"Idempotency-Key": "otter-1"}], ids=["counted", "named"])
def test_a_first_try_that_arrives_when_its_retry_is_done_buys_nothing(start, openai_upstream, named):
    easel = start(openai_upstream)
    order = {"model": "picture", "prompt": "an otter"}
    head, end, body = easel.order(headers=named | {"Expect": "100-continue"}, **order).partition(b"\r\n\r\n")
    with easel.connect() as first:
        first.sendall(head + end)
        assert first.recv(1024).startswith(b"HTTP/1.1 100 ")
        # Ids tell which of two requests came first to the millisecond; no client gives up as soon as that.
        time.sleep(0.01)
        retry = easel.post("/v1/images/generations", order, headers=named | {"x-stainless-retry-count": "1"})
        assert retry.status == 200
        first.sendall(body)
        answer = http.client.HTTPResponse(first)
        answer.begin()
        assert (answer.status, answer.headers["easel-replayed"]) == (200, "true")
        assert answer.headers["x-request-id"] == retry.headers["x-request-id"]
        assert json.loads(answer.read())["data"] == retry.json["data"]
    assert len(openai_upstream.calls) == 1


def test_a_client_that_tries_again_after_a_crash_hears_what_became_of_its_order(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    client = impatient(easel, timeout=30, max_retries=8)
    wait = in_threads(lambda: client.images.generate(model="picture", prompt="an otter"))
    openai_upstream.wait_for_calls()
    easel.process.kill()
    easel.process.wait()
    openai_upstream.resume()
    easel.start()
    with pytest.raises(openai.APIStatusError) as failure:
        wait()
    assert "not known" in str(failure.value)
    assert len(openai_upstream.calls) == 1
    assert [job["state"] for job in easel.jobs()] == ["unknown"]
    assert failure.value.request_id == easel.jobs()[0]["id"]


# With a name


def test_a_name_buys_once(start, openai_upstream):
    easel = start(openai_upstream)
    client = easel.client.with_options(default_headers={"Idempotency-Key": "otter-1"})
    openai_upstream.pause()
    ask = lambda: client.images.generate(model="picture", prompt="an otter")  # noqa: E731
    wait = in_threads(*[ask] * 5)
    openai_upstream.wait_for_calls()
    openai_upstream.resume()
    answers = [*wait(), ask()]
    easel.stop()
    easel.start()
    answers.append(ask())
    assert len({answer._request_id for answer in answers}) == 1
    assert {bytes_of(answer.data[0]) for answer in answers} == set(openai_upstream.made)
    assert len(openai_upstream.calls) == 1


def test_a_name_stands_for_one_request(start, openai_upstream):
    easel = start(openai_upstream)
    client = easel.client.with_options(default_headers={"Idempotency-Key": "otter-1"})
    client.images.edit(model="picture", prompt="an otter", image=picture())
    client.images.edit(model="picture", prompt="an otter", image=picture())
    with pytest.raises(openai.UnprocessableEntityError) as failure:
        client.images.edit(model="picture", prompt="an otter", image=picture(width=320))
    assert failure.value.code == "idempotency_key_reused"
    assert len(openai_upstream.calls) == 1


@pytest.mark.parametrize("name", ["two words", "n" * 256])
def test_a_name_that_cannot_be_one_is_refused(sandbox, name):
    answer = sandbox.post("/v1/images/generations", {"prompt": "an otter"}, headers={"Idempotency-Key": name})
    assert answer.status == 400
    assert answer.json["error"]["param"] == "Idempotency-Key"
