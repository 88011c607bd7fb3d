"""Nothing of the size of an image holds up the event loop, whichever way it goes.

The rest is done by every gateway that stops: see `Gateway.stop`.
"""

import base64
import json

import pytest

from gateway import BINARY
from pictures import data_uri, large_picture

#: Megabytes: encoding, hashing or copying as much in one go takes longer than the limit. A build for debugging takes
#: ten times as long for it as one for release.
SIZE = 2 if "debug" in BINARY.parts else 10
#: What happens in one go is meant to take less than a millisecond, and does when nobody disturbs the machine.
STRICT_LIMIT = "5ms"

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
ORDER = {"model": "picture", "prompt": "an otter"}


@pytest.fixture(scope="module")
def large():
    return large_picture(SIZE)


def generate(easel, upstream, large, **more):
    upstream.make_next(large)
    answer = easel.post(GENERATIONS, ORDER | more)
    assert answer.status == 200, answer.body[:500]
    return answer


def test_base64_that_the_client_gets_as_a_link(start, openai_upstream, large):
    easel = start(openai_upstream, loop_limit=STRICT_LIMIT)
    [item] = generate(easel, openai_upstream, large, response_format="url").json["data"]
    assert easel.fetch(item["url"]).body == large
    assert easel.fetch(item["url"], Range="bytes=1000000-1999999").body == large[1_000_000:2_000_000]


def test_base64_that_the_client_gets_as_base64(start, openai_upstream, large):
    easel = start(openai_upstream, loop_limit=STRICT_LIMIT)
    [item] = generate(easel, openai_upstream, large).json["data"]
    assert base64.b64decode(item["b64_json"]) == large


def test_base64_that_the_client_gets_as_an_event(start, openai_upstream, large):
    easel = start(openai_upstream, loop_limit=STRICT_LIMIT)
    events = generate(easel, openai_upstream, large, stream=True).body.decode().split("\n\n")
    [item] = [json.loads(event.partition("data: ")[2]) for event in events if "b64_json" in event]
    assert base64.b64decode(item["b64_json"]) == large


@pytest.mark.parametrize("wanted", ["url", "b64_json"])
def test_a_link_of_the_providers(start, modelverse, large, wanted):
    modelverse.gives = "url"
    easel = start(modelverse, model="Qwen/Qwen-Image", loop_limit=STRICT_LIMIT)
    [item] = generate(easel, modelverse, large, response_format=wanted).json["data"]
    assert (easel.fetch(item["url"]).body if wanted == "url" else base64.b64decode(item["b64_json"])) == large


@pytest.mark.parametrize("provider", ["openai_upstream", "modelverse"])
@pytest.mark.parametrize("way", ["form", "data URI", "link"])
def test_an_image_to_be_edited(start, request, file_server, large, provider, way):
    upstream = request.getfixturevalue(provider)
    easel = start(upstream, loop_limit=STRICT_LIMIT)
    if way == "form":
        easel.client.images.edit(image=large, **ORDER)
    else:
        image = data_uri(large) if way == "data URI" else file_server.publish(large)
        assert easel.post(EDITS, ORDER | {"images": [{"image_url": image}]}).status == 200
    assert upstream.received_images() == [large]
