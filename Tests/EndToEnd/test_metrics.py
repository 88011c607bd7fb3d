"""GET /metrics: what Prometheus reads is what has happened, and only who may read it does."""

import json
import pathlib
import re
import signal

import pytest
import yaml
from exposition import Page

import upstreams
from gateway import OFFLINE, SANDBOX, assert_error, eventually, key_with

ROOT = pathlib.Path(__file__).parents[2]
PATH = "/v1/images/generations"
ORDER = {"model": "picture", "prompt": "an otter", "response_format": "url"}
TOKEN = "a-token-of-thirty-two-characters"


def metrics(easel, **headers):
    answer = easel.get("/metrics", key=None, headers=headers)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Page(answer.body.decode())


def test_a_gateway_that_has_done_nothing_tells_zeros(start, openai_upstream):
    easel = start(openai_upstream)
    page = metrics(easel)
    for model in ["sandbox", "picture"]:
        assert page("easel_jobs_ended_total", model=model, state="unknown") == 0
        assert page("easel_job_duration_seconds_count", model=model) == 0
    assert page("easel_images_lost_total", provider="upstream") == 0
    assert page("easel_cost_total", model="picture", provider="upstream", currency="USD") == 0
    assert page("easel_requests_total", operation="generate", status="502") == 0
    assert page("process_open_fds") > 5 and page("process_resident_memory_bytes") > 1e6
    assert page("easel_disk_free_bytes") > page("easel_disk_min_free_bytes") == 200e6
    assert not openai_upstream.calls


def test_what_happened_is_what_is_told(start, openai_upstream):
    easel = start(openai_upstream)
    made = [easel.post(PATH, ORDER | {"n": count}) for count in (1, 3)]
    assert [answer.status for answer in made] == [200, 200]
    openai_upstream.answer_with(upstreams.status(429), upstreams.no_answer)
    assert easel.post(PATH, ORDER | {"prompt": "a tired otter"}).status == 429
    # The provider has asked for a pause.
    eventually(lambda: metrics(easel)("easel_provider_pause_seconds", provider="upstream") == 0)
    lost = easel.post(PATH, ORDER | {"prompt": "an otter in the fog"})
    assert lost.status >= 500
    assert_error(easel.post(PATH, ORDER | {"model": "piktur"}), 404, code="model_not_found")
    for answer in made:
        for item in answer.json["data"]:
            assert easel.fetch(item["url"]).status == 200

    page = metrics(easel)
    jobs = easel.jobs()
    route = {"model": "picture", "provider": "upstream"}
    for state in ["done", "failed", "cancelled", "unknown"]:
        told = page("easel_jobs_ended_total", model="picture", state=state)
        assert told == sum(job["state"] == state for job in jobs), state
    assert page("easel_job_duration_seconds_count", model="picture") == 2
    assert page("easel_attempts_total", provider="upstream", state="done") == 2
    assert page("easel_attempts_total", provider="upstream", state="refused") == 1
    assert page("easel_attempts_total", provider="upstream", state="unknown") == 1
    assert page("easel_attempt_failures_total", provider="upstream", kind="rate_limit") == 1
    assert page("easel_provider_answer_seconds_count", provider="upstream") == 2
    assert page("easel_images_total", **route) == 4
    assert page("easel_cost_total", currency="USD", **route) == pytest.approx(0.1)
    assert page("easel_jobs_of_unknown_cost_total", **route) == 1
    stored = sum(image["bytes"] for answer in made for image in answer.json["easel"]["images"])
    assert page("easel_image_bytes_total", **route) == stored
    assert page("easel_requests_total", operation="generate", status="200") == 2
    assert page("easel_requests_total", operation="generate", status="404") == 1
    assert page("easel_requests_total", operation="generate", status=str(lost.status)) == 1
    assert page("easel_requests_total", operation="file", status="200") == 4
    assert page("easel_ledger_commit_seconds_count") >= 2 * len(jobs)
    assert not any("piktur" in str(labels) for _, labels in page.samples)


def test_jobs_that_wait_are_seen_where_they_wait(start, openai_upstream):
    openai_upstream.settings = {"concurrency": 1}
    easel = start(openai_upstream)
    openai_upstream.pause()
    for number in range(3):
        easel.post(PATH, ORDER | {"prompt": f"otter {number}"}, headers={"Prefer": "respond-async"})
    openai_upstream.wait_for_calls(1)
    page = eventually(lambda: (page := metrics(easel))("easel_provider_waiting", provider="upstream") == 2 and page)
    assert page("easel_provider_in_flight", provider="upstream") == 1
    assert page("easel_provider_in_flight_limit", provider="upstream") == 1
    assert page("easel_jobs", state="submitted") == 3
    assert page("easel_bodies_bytes") > 0
    openai_upstream.resume()
    eventually(lambda: metrics(easel)("easel_jobs_ended_total", model="picture", state="done") == 3)
    page = metrics(easel)
    assert page("easel_jobs", state="submitted") == page("easel_provider_in_flight", provider="upstream") == 0


def test_the_breaker_of_a_provider_that_fails_is_seen(start, openai_upstream):
    openai_upstream.settings = {"breaker": {"failures": 2, "pause": "1s"}}
    easel = start(openai_upstream)

    def breaker():
        page = metrics(easel)
        states = ["closed", "paused", "open", "probing"]
        [state] = [state for state in states if page("easel_provider_breaker", provider="upstream", state=state)]
        return state

    assert breaker() == "closed"
    openai_upstream.answer_with(*[upstreams.status(503)] * 2)
    assert [easel.post(PATH, ORDER).status for _ in range(2)] == [503, 503]
    assert breaker() == "open"
    # It takes more than time: somebody has to try.
    eventually(lambda: metrics(easel)("easel_provider_pause_seconds", provider="upstream") == 0)
    assert breaker() == "open"
    openai_upstream.pause()
    easel.post(PATH, ORDER, headers={"Prefer": "respond-async"})
    openai_upstream.wait_for_calls(3)
    assert breaker() == "probing"
    openai_upstream.resume()
    eventually(lambda: breaker() == "closed")


def test_who_is_turned_away_is_counted_by_why(start, openai_upstream):
    easel = start(openai_upstream)
    poor, _ = key_with(easel, "--budget", "0.01/day")
    assert easel.post(PATH, ORDER, key=poor).status == 429
    quick, _ = key_with(easel, "--rpm", "1")
    assert [easel.post(PATH, ORDER, key=quick).status for _ in range(2)] == [200, 429]
    page = metrics(easel)
    assert page("easel_refusals_total", code="insufficient_quota") == 1
    assert page("easel_refusals_total", code="rate_limit_exceeded") == 1
    assert page("easel_requests_total", operation="generate", status="429") == 2


def test_counts_outlive_a_reload(start):
    easel = start()
    assert easel.post(PATH, {"prompt": "an otter", "size": "64x64"}).status == 200
    settings = json.loads(easel.config.read_text())
    heron = {"heron": {"routes": [{"provider": "other", "price": 1}]}}
    settings |= {"providers": OFFLINE | {"other": {"dialect": "sandbox"}}, "models": SANDBOX | heron, "currency": "EUR"}
    easel.config.write_text(json.dumps(settings))
    easel.run("reload")
    page = metrics(easel)
    assert page("easel_images_total", model="sandbox", provider="offline") == 1
    assert page("easel_images_total", model="heron", provider="other") == 0
    assert page("easel_cost_total", model="heron", provider="other", currency="EUR") == 0
    assert page("easel_provider_waiting", provider="other") == 0


def test_a_configuration_that_was_refused_is_seen_until_one_is_loaded(start):
    easel = start()
    assert metrics(easel)("easel_configuration_mistakes") == 0
    settings = easel.config.read_text()
    easel.config.write_text(json.dumps(json.loads(settings) | {"colour": "red", "strict": "perhaps"}))
    easel.process.send_signal(signal.SIGHUP)
    eventually(lambda: metrics(easel)("easel_configuration_mistakes") == 2)
    easel.config.write_text(settings)
    easel.process.send_signal(signal.SIGHUP)
    eventually(lambda: metrics(easel)("easel_configuration_mistakes") == 0)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "Origin"])
def test_a_proxy_does_not_get_it_for_others(start, header):
    easel = start()
    answer = easel.get("/metrics", key=None, headers={header: "192.0.2.1"})
    assert "metrics: {token" in assert_error(answer, 403, code="metrics_forbidden")["message"]
    assert easel.get("/metrics", headers={"Host": "easel.example"}).status == 403


def test_a_token_is_needed_and_enough(start):
    easel = start(metrics={"token": TOKEN})
    easel.secrets.append(TOKEN)
    assert_error(easel.get("/metrics", key=None), 401)
    # An API key is no token.
    assert_error(easel.get("/metrics"), 401, code="invalid_metrics_token")
    answer = easel.get("/metrics", key=TOKEN, headers={"X-Forwarded-For": "192.0.2.1"})
    assert Page(answer.body.decode())("easel_jobs_limit") == 10_000
    assert easel.get("/v1/models", key=TOKEN).status == 401


def test_every_metric_that_is_documented_is_told_and_the_other_way_round(start):
    told = metrics(start()).names
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in told}
    text = (ROOT / "docs/operations.md").read_text()
    table = re.sub(r"`(easel_provider_\w+)`, `…_limit`", r"`\1`, `\1_limit`", text)
    rows = "\n".join(line for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(easel_\w+)`", rows)) == {name for name in families if name.startswith("easel_")}
    rules = yaml.safe_load((ROOT / "deploy/prometheus.rules.yaml").read_text())["groups"][0]["rules"]
    queries = [rule["expr"] for rule in rules] + re.findall(r"`(sum by.*?)`", text)
    for query in [*queries, text.partition("Worth being woken for:")[2].split("```")[1]]:
        used = set(re.findall(r"\beasel_\w+", query))
        assert used <= told, used - told
