"""A job can be stopped, at the provider too where that can, and whether it was in time is told truthfully."""

import contextlib
import sqlite3
import threading

import openai
import pytest

import upstreams_queues
from conftest import serving
from gateway import eventually

ORDER = {"model": "picture", "prompt": "an otter"}
#: Each question finds a task where the last one found it.
STUCK = ["IN_QUEUE", "IN_QUEUE", "COMPLETED"]


@pytest.fixture
def fal():
    yield from serving(upstreams_queues.Fal())


def begin(easel):
    """A job that nobody waits for; its path."""
    answer = easel.post("/v1/images/generations", ORDER, headers={"Prefer": "respond-async"})
    assert answer.status == 202
    return answer.headers["location"]


def cancel(easel, path):
    """Status, `cancelled`, `in_time` and the state after a request to stop a job."""
    answer = easel.request("DELETE", path)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == answer.json["id"]
    cancellation = answer.json["easel"]["cancellation"]
    assert cancellation["message"]
    return answer.status, answer.json["cancelled"], cancellation["in_time"], answer.json["state"]


def is_to_stop(easel):
    """Whether a restart would know that a job is to stop."""
    with contextlib.closing(sqlite3.connect(easel.data / "easel.sqlite")) as ledger:
        return ledger.execute("SELECT 1 FROM jobs WHERE stop_asked_at IS NOT NULL").fetchone()


def cancels(upstream):
    return [call for call in upstream.questions if call.method == "PUT"]


def test_a_queued_job_is_stopped_at_the_provider(start, fal):
    fal.states = STUCK
    easel = start(fal)
    path = begin(easel)
    eventually(lambda: fal.questions)
    assert cancel(easel, path) == (200, True, True, "cancelled")
    assert len(cancels(fal)) == 1
    job = easel.get(path)
    assert (job.status, job.json["state"], job.json["easel"]["cost"]) == (200, "cancelled", 0)
    # Once more changes nothing.
    assert cancel(easel, path) == (200, True, True, "cancelled")
    assert (len(cancels(fal)), len(fal.calls)) == (1, 1)


def test_a_client_that_waits_hears_of_it_and_does_not_try_again(start, fal):
    fal.states = STUCK
    easel = start(fal)
    failures = []

    def wait():
        with pytest.raises(openai.ConflictError) as failure:
            easel.client.with_options(max_retries=2).images.generate(**ORDER)
        failures.append(failure.value)

    client = threading.Thread(target=wait, daemon=True)
    client.start()
    eventually(lambda: fal.questions)
    [job] = easel.jobs()
    assert cancel(easel, f"/v1/images/jobs/{job['id']}") == (200, True, True, "cancelled")
    client.join(20)
    [failure] = failures
    assert failure.code == "job_cancelled"
    assert failure.request_id == job["id"]
    assert len(fal.calls) == 1


def test_a_provider_that_has_finished_already_is_too_late(start, fal):
    easel = start(fal)
    path = begin(easel)
    eventually(lambda: easel.get(path).status == 200)
    assert cancel(easel, path) == (200, False, False, "done")
    assert cancels(fal) == []
    assert easel.fetch(easel.get(path).json["data"][0]["url"]).body == fal.made[0]


def test_a_provider_that_will_not_stop_is_followed_to_its_images(start, fal):
    fal.states = STUCK
    fal.cancel = lambda task: False
    easel = start(fal)
    path = begin(easel)
    eventually(lambda: fal.questions)
    status, cancelled, in_time, _ = cancel(easel, path)
    assert (status, cancelled, in_time) == (200, False, False)
    fal.states = ["IN_QUEUE", "COMPLETED"]
    eventually(lambda: easel.get(path).status == 200)
    assert easel.get(path).json["state"] == "done"
    assert len(fal.calls) == 1


def test_a_call_that_is_under_way_cannot_be_taken_back(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    path = begin(easel)
    openai_upstream.wait_for_calls()
    assert cancel(easel, path) == (200, False, False, "submitted")
    openai_upstream.resume()
    eventually(lambda: easel.get(path).status == 200)
    assert easel.get(path).json["state"] == "done"
    assert easel.fetch(easel.get(path).json["data"][0]["url"]).body == openai_upstream.made[0]


def test_a_job_that_waits_for_its_turn_is_stopped_for_free(start, openai_upstream):
    openai_upstream.settings = {"concurrency": 1}
    easel = start(openai_upstream)
    openai_upstream.pause()
    first = begin(easel)
    openai_upstream.wait_for_calls()
    second = begin(easel)
    assert cancel(easel, second) == (200, True, True, "cancelled")
    openai_upstream.resume()
    eventually(lambda: easel.get(first).status == 200)
    assert len(openai_upstream.calls) == 1


def test_a_job_that_was_to_stop_is_stopped_after_a_crash(start, fal):
    fal.states = STUCK
    easel = start(fal)
    path = begin(easel)
    eventually(lambda: fal.questions)
    asked, killed = threading.Event(), threading.Event()

    def hang(task):
        asked.set()
        killed.wait(20)
        return False

    fal.cancel = hang
    with easel.connect() as connection:
        connection.sendall(f"DELETE {path} HTTP/1.1\r\nHost: easel\r\nApi-Key: {easel.key}\r\n\r\n".encode())
        asked.wait(20)
        # The provider may be asked while that is being written down.
        eventually(lambda: is_to_stop(easel))
        easel.kill()
    del fal.cancel
    killed.set()
    easel.start()
    eventually(lambda: easel.get(path).status == 200)
    assert easel.get(path).json["state"] == "cancelled"
    assert (len(cancels(fal)), len(fal.calls)) == (2, 1)


def test_only_jobs_can_be_stopped(sandbox):
    answer = sandbox.request("DELETE", "/v1/images/generations")
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
    answer = sandbox.request("PATCH", "/v1/images/jobs/req_beaver")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")
    assert sandbox.request("DELETE", "/v1/images/jobs/req_beaver").status == 404


@pytest.mark.parametrize("policy", ["finish", "cancel"])
def test_a_job_whose_client_leaves_ends_as_the_owner_says(start, fal, policy):
    fal.states = STUCK
    easel = start(fal, models=models(fal, policy))
    with pytest.raises(openai.APITimeoutError):
        easel.client.with_options(timeout=1).images.generate(**ORDER)
    if policy == "finish":
        assert cancels(fal) == []
        fal.states = ["IN_QUEUE", "COMPLETED"]
    state = {"finish": "done", "cancel": "cancelled"}[policy]
    eventually(lambda: [job["state"] for job in easel.jobs()] == [state])
    assert len(cancels(fal)) == (policy == "cancel")


def test_a_retry_of_a_job_that_stopped_with_its_client_is_a_new_job(start, fal):
    fal.states = STUCK
    easel = start(fal, models=models(fal, "cancel"))

    def finish():
        eventually(lambda: len(fal.calls) == 2)
        fal.states = ["IN_QUEUE", "COMPLETED"]

    threading.Thread(target=finish, daemon=True).start()
    answer = easel.client.with_options(timeout=4, max_retries=1).images.generate(**ORDER)
    assert answer.data
    assert sorted(job["state"] for job in easel.jobs()) == ["cancelled", "done"]
    assert len(cancels(fal)) == 1


def models(upstream, policy):
    routes = [{"provider": "upstream", "model": upstream.model, "price": 0.025}]
    return {"sandbox": {"routes": [{"provider": "offline"}]}, "picture": {"routes": routes, "on_disconnect": policy}}
