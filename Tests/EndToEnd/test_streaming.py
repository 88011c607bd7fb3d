"""`stream=True`: what the stock clients are given, event by event, and what becomes of a stream that ends early."""

import asyncio
import base64
import json
import socket
import time

import openai
import pytest

import upstreams_streams
from conftest import serving
from gateway import assert_error, eventually
from pictures import large_picture, opened, picture
from upstreams_streams import StreamingArk, StreamingOpenAI


@pytest.fixture
def streaming():
    yield from serving(StreamingOpenAI())


@pytest.fixture(params=["OpenAI", "AsyncOpenAI"])
def stream(request):
    """stream(gateway, "generate" or "edit", …) gives the events, by the synchronous or by the asynchronous client."""

    def stream(easel, method, seen=lambda event: None, **arguments):
        arguments = {"model": "picture", "prompt": "an otter", "stream": True} | arguments
        events = []

        def see(event):
            events.append(event)
            seen(event)

        if request.param == "OpenAI":
            with openai.OpenAI(**easel.client_options, _strict_response_validation=True) as client:
                with getattr(client.images, method)(**arguments) as answer:
                    for event in answer:
                        see(event)
            return events

        async def follow():
            async with openai.AsyncOpenAI(**easel.client_options, _strict_response_validation=True) as client:
                async with await getattr(client.images, method)(**arguments) as answer:
                    async for event in answer:
                        see(event)

        asyncio.run(follow())
        return events

    return stream


def bytes_of(event):
    return base64.b64decode(event.b64_json, validate=True)


def test_a_provider_that_shows_nothing_gives_one_event(sandbox, stream):
    [event] = stream(sandbox, "generate", model="sandbox", size="64x96", output_format="webp", quality="low")
    assert event.type == "image_generation.completed"
    assert opened(bytes_of(event)).format == "WEBP"
    assert (event.size, event.output_format) == ("64x96", "webp")
    assert (event.quality, event.background) == ("low", "auto")
    assert abs(event.created_at - time.time()) < 60
    assert event.usage.total_tokens == 0
    assert event.easel["provider"] == "offline"


def test_an_edit_has_events_of_its_own(sandbox, stream):
    [event] = stream(sandbox, "edit", model="sandbox", image=picture())
    assert event.type == "image_edit.completed"
    opened(bytes_of(event))


def test_a_stream_is_told_as_one(sandbox):
    answer = sandbox.post("/v1/images/generations", {"prompt": "an otter", "model": "sandbox", "stream": True})
    assert answer.status == 200
    assert answer.headers.get_content_type() == "text/event-stream"
    assert "no-cache" in answer.headers["Cache-Control"]
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["x-request-id"].startswith("req_")
    event, data, *end = answer.body.decode().split("\n")
    assert event == "event: image_generation.completed"
    assert end == ["", ""]
    assert "error" not in json.loads(data.removeprefix("data: "))


@pytest.mark.parametrize("method", ["generate", "edit"])
def test_partial_images_are_passed_on(start, streaming, stream, method):
    easel = start(streaming)
    arguments = {"image": picture(seed=7)} if method == "edit" else {}
    *partial, completed = stream(easel, method, partial_images=2, **arguments)
    kind = "image_edit" if method == "edit" else "image_generation"
    assert [event.type for event in partial] == [f"{kind}.partial_image"] * 2
    assert [event.partial_image_index for event in partial] == [0, 1]
    assert [bytes_of(event) for event in partial] == streaming.shown
    assert completed.type == f"{kind}.completed"
    assert [bytes_of(completed)] == streaming.made
    assert completed.usage.total_tokens == 30
    assert completed.easel["parameters"]["partial_images"]["outcome"] == "applied"
    assert len(streaming.calls) == 1


def test_partial_images_come_while_the_provider_works(start, streaming, stream):
    easel = start(streaming)
    streaming.hold()
    made = []

    def seen(event):
        made.append(len(streaming.made))
        streaming.release()

    stream(easel, "generate", seen, partial_images=1)
    assert made == [0, 1]


def test_only_what_was_asked_for_is_asked_of_the_provider(start, streaming, stream):
    easel = start(streaming)
    [event] = stream(easel, "generate")
    assert [bytes_of(event)] == streaming.made
    assert not streaming.calls[0].json.keys() & {"stream", "partial_images"}
    easel.client.images.generate(model="picture", prompt="an otter", partial_images=2)
    assert not streaming.calls[1].json.keys() & {"stream", "partial_images"}


def test_partial_images_may_be_fewer_than_asked_for(start, openai_upstream, stream):
    """A provider that does not stream answers at once, and strict clients are told before anything is bought."""
    openai_upstream.generation_fields = StreamingOpenAI.generation_fields
    easel = start(openai_upstream)
    [event] = stream(easel, "generate", partial_images=3)
    assert [bytes_of(event)] == openai_upstream.made
    [event] = stream(easel, "generate", model="sandbox", partial_images=3)
    assert event.easel["parameters"]["partial_images"]["outcome"] == "dropped"
    with pytest.raises(openai.BadRequestError) as failure:
        stream(easel, "generate", model="sandbox", partial_images=3, extra_headers={"Easel-Strict": "true"})
    assert failure.value.param == "partial_images"


def test_a_finished_image_in_a_stream_is_no_partial_image(start, stream):
    for ark in serving(StreamingArk()):
        easel = start(ark)
        [event] = stream(easel, "generate", partial_images=2)
        assert event.type == "image_generation.completed"
        assert [bytes_of(event)] == ark.made
        assert ark.calls[0].json["stream"] is True


def test_only_one_image_can_be_streamed(sandbox, stream):
    with pytest.raises(openai.BadRequestError, match="Streaming is only supported with n=1."):
        stream(sandbox, "generate", model="sandbox", n=2)


@pytest.mark.parametrize("value", [4, -1, "many"])
def test_partial_images_are_at_most_three(sandbox, value):
    order = {"prompt": "an otter", "model": "sandbox", "stream": True, "partial_images": value}
    assert_error(sandbox.post("/v1/images/generations", order), 400, param="partial_images")


def test_a_failure_in_the_middle_is_raised_with_its_code(start, streaming, stream):
    streaming.end_with(upstreams_streams.error("moderation_blocked", "Not this otter."))
    easel = start(streaming)
    seen = []
    with pytest.raises(openai.APIError) as failure:
        stream(easel, "generate", seen.append, partial_images=1)
    assert [event.type for event in seen] == ["image_generation.partial_image"]
    assert failure.value.code == "moderation_blocked"
    assert failure.value.type == "image_generation_user_error"
    assert "Not this" in failure.value.message


def test_a_failure_before_anything_came_has_its_own_status(start, streaming, stream):
    easel = start(streaming)
    streaming.answer_with(upstreams_streams.refusal)
    with pytest.raises(openai.BadRequestError) as failure:
        stream(easel, "generate", partial_images=1)
    assert failure.value.code == "moderation_blocked"
    with pytest.raises(openai.BadRequestError) as failure:
        stream(easel, "generate", size="nonsense")
    assert failure.value.param == "size"
    assert len(streaming.calls) == 1


@pytest.mark.parametrize("end", [upstreams_streams.cut, upstreams_streams.half_an_image])
def test_a_stream_that_breaks_off_upstream_is_never_bought_again(start, streaming, stream, end):
    streaming.end_with(end)
    easel = start(streaming)
    with pytest.raises(openai.APIError):
        stream(easel, "generate", partial_images=1)
    assert len(streaming.calls) == 1
    assert [job["state"] for job in easel.jobs()] == ["unknown"]


def test_a_slow_reader_gets_a_whole_stream(start, streaming):
    """While nobody reads, partial images wait on disk and the job goes on to its end."""
    streaming.next_shown = [large_picture(2) for _ in range(3)]
    easel = start(streaming)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(30)
        client.connect(("127.0.0.1", easel.port))
        client.sendall(easel.order(version="1.0", stream=True, partial_images=3))
        eventually(lambda: [job["state"] for job in easel.jobs()] == ["done"], within=30)
        events = parsed(received(client))
    assert [event["type"].partition(".")[2] for event in events][-1] == "completed"
    assert base64.b64decode(events[-1]["b64_json"]) == streaming.made[0]
    for event in events[:-1]:
        assert base64.b64decode(event["b64_json"]) == streaming.shown[event["partial_image_index"]]


def test_a_silent_stream_is_kept_alive(start, streaming):
    easel = start(streaming)
    streaming.pause()
    with easel.connect() as client:
        client.settimeout(30)
        client.sendall(easel.order(version="1.0", stream=True))
        start_of_answer = b""
        while not start_of_answer.endswith(b"\r\n\r\n: keep-alive\n\n"):
            part = client.recv(4096)
            assert part, start_of_answer
            start_of_answer += part
        streaming.resume()
        [event] = parsed(start_of_answer + received(client))
    assert base64.b64decode(event["b64_json"]) == streaming.made[0]


def test_a_client_that_leaves_can_still_have_its_image(start, streaming):
    easel = start(streaming)
    streaming.hold()
    answer = easel.client.images.generate(model="picture", prompt="an otter", stream=True, partial_images=1)
    id = answer.response.headers["x-request-id"]
    answer.close()
    assert easel.get(f"/v1/images/jobs/{id}").status == 202
    streaming.release()
    job = eventually(lambda: (job := easel.get(f"/v1/images/jobs/{id}")).status == 200 and job.json)
    assert job["state"] == "done"
    assert easel.fetch(job["data"][0]["url"]).body == streaming.made[0]
    assert len(streaming.calls) == 1


def received(client):
    """Everything until the connection closes, as an HTTP/1.0 answer without a length does."""
    answer = b""
    while part := client.recv(65536):
        answer += part
    return answer


def parsed(answer):
    """The events of a whole answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body.endswith(b"\n\n")
    events = [block for block in body.decode().split("\n\n") if block and not block.startswith(":")]
    return [json.loads(block.partition("\ndata: ")[2]) for block in events]
