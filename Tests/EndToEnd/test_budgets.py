"""Budgets: what the owner allows is never exceeded, and what was not bought is not counted."""

import json
import threading
import time

import openai
import pytest

from gateway import all_at_once, assert_error, eventually, key_with

ORDER = {"model": "picture", "prompt": "an otter"}


def account(easel, id):
    return json.loads(easel.run("keys", "show", id, "--json"))


@pytest.mark.parametrize("period", ["day", "month", "total"])
def test_a_hundred_requests_at_once_against_the_last_euro_get_what_it_pays(start, openai_upstream, period):
    easel = start(openai_upstream, currency="EUR")
    key, id = key_with(easel, "--budget", f"1.01/{period}")
    # All of them are under way together: what has been spent alone would let every one through.
    openai_upstream.pause()
    resume = threading.Timer(3, openai_upstream.resume)
    resume.start()
    answers = all_at_once(100, lambda: easel.post("/v1/images/generations", ORDER, key=key))
    resume.join()
    assert {answer.status for answer in answers} == {200, 429}
    # 40 images of 0.025 are 1.00 EUR.
    assert sum(answer.status == 200 for answer in answers) == 40
    assert len(openai_upstream.calls) == 40
    for answer in answers:
        if answer.status == 429:
            assert_error(answer, 429, type="insufficient_quota", code="insufficient_quota", param=None)
            assert answer.headers["x-should-retry"] == "false"
            assert (answer.headers["retry-after"] is None) == (period == "total")
    shown = account(easel, id)
    assert shown["spent"][period] == 1.0
    assert shown["reserved"][period] == 0
    [row] = [row for row in json.loads(easel.run("usage", "--by", "key", "--json")) if row["group"] == id]
    assert row["cost"] == 1.0
    assert row["images"] == row["done"] == 40


def test_the_stock_client_does_not_try_again_when_the_budget_is_used_up(start, openai_upstream):
    easel = start(openai_upstream)
    key, _ = key_with(easel, "--budget", "0.03/day")
    client = easel.client.with_options(api_key=key, max_retries=2)
    client.images.generate(**ORDER)
    before = time.monotonic()
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(**ORDER)
    assert caught.value.code == caught.value.type == "insufficient_quota"
    assert caught.value.request_id.startswith("req_")
    assert time.monotonic() - before < 5
    assert len(openai_upstream.calls) == 1


def test_a_budget_that_is_raised_counts_within_a_second(start, openai_upstream):
    easel = start(openai_upstream)
    key, id = key_with(easel, "--budget", "0.01/total")
    assert easel.post("/v1/images/generations", ORDER, key=key).status == 429
    easel.run("keys", "limit", id, "--budget", "1/total")
    eventually(lambda: easel.post("/v1/images/generations", ORDER, key=key).status == 200, within=2)
    assert len(openai_upstream.calls) == 1


def test_what_a_crash_leaves_open_stays_reserved_until_the_next_start_knows(start, openai_upstream):
    easel = start(openai_upstream)
    key, id = key_with(easel, "--budget", "0.03/total")
    openai_upstream.pause()
    thread = threading.Thread(
        target=lambda: all_at_once(1, lambda: easel.post("/v1/images/generations", ORDER, key=key))
    )
    thread.start()
    openai_upstream.wait_for_calls()
    easel.kill()
    assert account(easel, id)["reserved"]["total"] == 0.025
    openai_upstream.resume()
    thread.join()
    easel.start()
    # Whether it was charged is not known: it may have been.
    eventually(lambda: account(easel, id)["reserved"]["total"] == 0)
    assert account(easel, id)["spent"]["total"] == 0.025
    assert easel.post("/v1/images/generations", ORDER, key=key).status == 429


def test_jobs_and_models_can_be_read_with_an_empty_purse(start, openai_upstream):
    easel = start(openai_upstream)
    key, _ = key_with(easel, "--budget", "0.025/total")
    answer = easel.post("/v1/images/generations", ORDER, key=key)
    assert answer.status == 200
    assert easel.post("/v1/images/generations", ORDER, key=key).status == 429
    job = easel.get(f"/v1/images/jobs/{answer.headers['x-request-id']}", key=key)
    assert job.status == 200
    assert easel.fetch(job.json["data"][0]["url"]).status == 200
    assert easel.get("/v1/models", key=key).status == 200


def test_a_price_that_nobody_knows_is_refused_to_keys_with_a_budget(start, openai_upstream):
    route = {"provider": "upstream", "model": openai_upstream.model}
    easel = start(openai_upstream, models={"picture": {"routes": [route]}}, defaults={})
    key, id = key_with(easel, "--budget", "1/day")
    error = assert_error(easel.post("/v1/images/generations", ORDER, key=key), 403, code="price_unknown", param="model")
    assert "picture" in error["message"]
    easel.run("keys", "limit", id, "--unknown-prices", "allow")
    eventually(lambda: easel.post("/v1/images/generations", ORDER, key=key).status == 200, within=2)
    assert len(openai_upstream.calls) == 1


def test_an_image_costs_what_its_size_and_quality_cost(start, openai_upstream):
    table = {"image": 0.5, "input": 0.01, "table": {"1024x1024": 0.125, "1024x1024 high": 0.25}}
    route = {"provider": "upstream", "model": openai_upstream.model, "price": table}
    easel = start(openai_upstream, models={"picture": {"routes": [route]}}, defaults={})
    cost = {}
    for quality in ("low", "high"):
        answer = easel.post("/v1/images/generations", ORDER | {"size": "1024x1024", "quality": quality})
        image = answer.json["easel"]["images"][0]
        is_listed = (image["width"], image["height"]) == (1024, 1024)
        cost[quality] = answer.json["easel"]["cost"]
        assert cost[quality] == (0.5 if not is_listed else 0.25 if quality == "high" else 0.125)
    model = easel.get("/v1/models/picture").json
    assert model["easel"]["routes"][0]["price"] == table
