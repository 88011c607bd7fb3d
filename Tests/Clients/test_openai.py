"""OpenAI's Python client in three major versions: whatever one of them sends or reads, works."""

import asyncio
import base64
import io
import time

import openai
import pytest
from openai.types import ImagesResponse

import upstreams
from gateway import assert_error
from pictures import data_uri, mask, opened, picture

#: What clients send as `extra_body`.
BEYOND_OPENAI = {"seed": 7, "negative_prompt": "beavers", "steps": 20}
SIZE = "1024x1024"


@pytest.fixture(params=[False, True], ids=["loose", "strict"])
def client(easel, request):
    """The client, which believes every answer, or checks it against types that before 2026 knew but three sizes."""
    options = {"base_url": f"{easel.origin}/v1", "api_key": easel.key, "max_retries": 0}
    with openai.OpenAI(**options, _strict_response_validation=request.param) as client:
        yield client


@pytest.fixture
def impatient(unreliable):
    """A client with its own retries, of a gateway whose provider can be made to fail."""
    with openai.OpenAI(base_url=f"{unreliable.origin}/v1", api_key=unreliable.key) as client:
        yield client


def image(response):
    """The one picture of an answer with base64."""
    [item] = response.data
    assert item.url is None
    return opened(base64.b64decode(item.b64_json, validate=True))


# Generations


def test_a_prompt_becomes_a_picture(client):
    response = client.images.generate(prompt="an otter", size=SIZE, output_format="jpeg")
    assert (image(response).format, image(response).size) == ("JPEG", (1024, 1024))
    assert (response.output_format, response.size) == ("jpeg", "1024x1024")
    assert response._request_id.startswith("req_")


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
def test_a_model_that_answered_with_links_still_does(client, easel, model):
    response = client.images.generate(model=model, prompt="an otter", n=1, quality="standard", size=SIZE)
    assert response.data[0].b64_json is None
    assert easel.fetch(response.data[0].url).headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
def test_a_response_format_is_obeyed_for_every_model(client, response_format):
    response = client.images.generate(model="gpt-image-1", prompt="an otter", response_format=response_format)
    assert [name for name in ("url", "b64_json") if getattr(response.data[0], name)] == [response_format]


def test_none_is_the_same_as_nothing(client):
    nothing = dict.fromkeys(["model", "n", "size", "quality", "background", "response_format", "style", "moderation"])
    assert image(client.images.generate(prompt="an otter", **nothing))


def test_parameters_beyond_openai_get_through_and_are_accounted_for(client):
    response = client.images.generate(
        prompt="an otter",
        extra_body=BEYOND_OPENAI | {"complexity": "high", "frame_count": 2, "svg": {"model": "x"}, "beaver": 1},
        extra_query={"api-version": "preview"},
        extra_headers={"X-Otter": "yes"},
    )
    report = response.easel["parameters"]
    assert report["seed"] == {"outcome": "applied", "value": 7}
    for name in ("complexity", "frame_count", "svg", "beaver"):
        assert report[name]["outcome"] == "dropped"


def test_a_raw_response_has_the_head_too(client):
    raw = client.images.with_raw_response.generate(prompt="an otter")
    assert raw.headers["x-request-id"] == raw.parse()._request_id
    assert raw.headers["content-type"] == "application/json"


def test_a_response_can_be_read_while_it_arrives(client):
    with client.images.with_streaming_response.generate(prompt="an otter") as response:
        assert b'"b64_json"' in b"".join(response.iter_bytes())


# Edits and variations


@pytest.fixture(
    params=["bytes", "file", "BytesIO", "named bytes", "non-ASCII name", "path", "list of one", "list of three"]
)
def upload(request, otter):
    """An input image in every form that the client takes."""
    if request.param == "file":
        with otter.open("rb") as file:
            yield file
        return
    yield {
        "bytes": picture(),
        "BytesIO": io.BytesIO(picture()),
        "named bytes": ("otter.png", picture(), "image/png"),
        "non-ASCII name": ("水獺 ötter.png", picture(), "image/png"),
        "path": otter,
        "list of one": [picture()],
        "list of three": [picture(seed=1), picture(seed=2), ("third.webp", picture("WEBP", seed=3))],
    }[request.param]


def test_a_picture_is_edited_in_whatever_form_it_is_given(client, upload):
    assert image(client.images.edit(image=upload, prompt="an otter with a beret", size=SIZE))


def test_an_edit_takes_everything_that_a_generation_does(client):
    response = client.images.edit(
        model="gpt-image-1",
        image=picture(),
        mask=mask(),
        prompt="an otter",
        n=2,
        size=SIZE,
        quality="high",
        background="opaque",
        input_fidelity="high",
        output_format="webp",
        output_compression=80,
        user="otter",
        extra_body=BEYOND_OPENAI,
    )
    assert len(response.data) == 2
    assert opened(base64.b64decode(response.data[1].b64_json)).format == "WEBP"


def test_an_edit_may_be_sent_as_json(client):
    body = {
        "prompt": "an otter",
        "images": [{"image_url": data_uri(picture())}],
        "mask": {"image_url": data_uri(mask())},
    }
    body["size"] = SIZE
    assert image(client.post("/images/edits", body=body, cast_to=ImagesResponse))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_picture_is_varied(client, easel):
    response = client.images.create_variation(image=picture(), n=2, size=SIZE)
    assert len(response.data) == 2
    assert opened(easel.fetch(response.data[0].url).body).size == (1024, 1024)


# Streams


@pytest.mark.parametrize("operation", ["generate", "edit"])
def test_a_stream_ends_with_the_picture(client, operation):
    arguments = {"image": picture()} if operation == "edit" else {}
    call = getattr(client.images, operation)
    events = list(call(prompt="an otter", stream=True, partial_images=2, size=SIZE, **arguments))
    kind = "image_edit" if operation == "edit" else "image_generation"
    assert {event.type for event in events[:-1]} <= {f"{kind}.partial_image"}
    assert events[-1].type == f"{kind}.completed"
    assert opened(base64.b64decode(events[-1].b64_json, validate=True)).size == (1024, 1024)


def test_a_stream_may_be_left_at_once(client, easel):
    client.images.generate(prompt="an otter", stream=True).response.close()
    assert easel.is_alive


def test_a_stream_of_several_pictures_is_refused_before_it_begins(client):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(prompt="an otter", stream=True, n=2)
    assert refusal.value.param == "n" and "n=1" in refusal.value.message


def test_a_failure_ends_a_stream_with_an_error(impatient, upstream):
    upstream.answer_with(*[upstreams.no_answer] * 3)
    with pytest.raises(openai.APIError) as failure:
        list(impatient.images.generate(model="gpt-image-2", prompt="an otter", stream=True))
    assert failure.value.code and failure.value.type
    assert len(upstream.calls) == 1


# Models


def test_models_are_listed_and_found(client):
    listed = {model.id: model for model in client.models.list()}
    assert {"sandbox", "org/na me:x", "dall-e-2", "gpt-image-2.6-flare"} <= listed.keys()
    for id, model in listed.items():
        assert client.models.retrieve(id).id == id
        assert type(model.created) is int and model.object == "model" and model.owned_by


def test_a_model_is_not_deleted_and_the_answer_says_so(client):
    assert client.models.delete("sandbox").deleted is False
    assert client.models.retrieve("sandbox").id == "sandbox"


# Errors and retries


def test_every_refusal_is_the_exception_that_callers_catch(easel, client):
    for error, call in [
        (openai.AuthenticationError, lambda: client.with_options(api_key="wrong").models.list()),
        (openai.NotFoundError, lambda: client.models.retrieve("beaver")),
        (openai.NotFoundError, lambda: client.images.generate(model="beaver", prompt="an otter")),
        (openai.NotFoundError, lambda: client.post("/beavers", body={}, cast_to=object)),
        (openai.BadRequestError, lambda: client.images.generate(prompt="")),
        (openai.BadRequestError, lambda: client.images.generate(prompt="an otter", n=11)),
        (openai.BadRequestError, lambda: client.images.edit(image=b"no otter", prompt="an otter")),
        (openai.APIStatusError, lambda: client.post("/models", body={}, cast_to=object)),
    ]:
        with pytest.raises(error) as refusal:
            call()
        assert refusal.value.request_id.startswith("req_")
        assert refusal.value.body.keys() == {"message", "type", "param", "code"}
        assert refusal.value.body["message"] in str(refusal.value)


def test_a_body_over_the_limit_is_read_as_such(tmp_path):
    from conftest import started

    for easel in started(tmp_path, limits={"body": "1MB"}):
        with openai.OpenAI(base_url=f"{easel.origin}/v1", api_key=easel.key) as client:
            with pytest.raises(openai.APIStatusError) as refusal:
                client.images.edit(image=bytes(40_000_000), prompt="an otter")
            assert (refusal.value.status_code, refusal.value.code) == (413, "request_too_large")


def test_the_client_repeats_what_bought_nothing_when_it_is_told_to(impatient, upstream):
    upstream.answer_with(upstreams.status(429, Retry_After="1"))
    started = time.monotonic()
    assert image(impatient.images.generate(model="gpt-image-2", prompt="an otter"))
    assert len(upstream.calls) == 2
    assert time.monotonic() - started > 0.9


@pytest.mark.parametrize("answer", [upstreams.no_answer, upstreams.half_an_answer], ids=["no answer", "half an answer"])
def test_the_client_does_not_repeat_what_may_have_been_bought(impatient, upstream, answer):
    upstream.answer_with(answer)
    with pytest.raises(openai.InternalServerError):
        impatient.images.generate(model="gpt-image-2", prompt="an otter")
    assert len(upstream.calls) == 1


# Where it is, and who asks


def test_the_base_url_may_do_without_v1(easel):
    with openai.OpenAI(base_url=easel.origin, api_key=easel.key) as client:
        assert image(client.images.generate(prompt="an otter"))
        assert image(client.images.edit(prompt="an otter", image=picture()))


@pytest.mark.parametrize("deployment", [None, "gpt-image-1"])
def test_azures_client_is_understood(easel, deployment):
    options = {"azure_deployment": deployment} if deployment else {}
    with openai.AzureOpenAI(
        azure_endpoint=easel.origin, api_key=easel.key, api_version="2025-04-01-preview", **options
    ) as client:
        assert image(client.images.generate(model="gpt-image-1", prompt="an otter"))
        assert image(client.images.edit(model="gpt-image-1", prompt="an otter", image=picture()))
        if deployment is None:
            assert "sandbox" in {model.id for model in client.models.list()}


def test_azures_token_is_a_bearer_key(easel):
    with openai.AzureOpenAI(
        azure_endpoint=easel.origin, azure_ad_token=easel.key, api_version="2025-04-01-preview"
    ) as client:
        assert image(client.images.generate(model="gpt-image-1", prompt="an otter"))


def test_asynchronous_calls_run_side_by_side(easel):
    async def calls():
        async with openai.AsyncOpenAI(base_url=f"{easel.origin}/v1", api_key=easel.key) as client:
            responses = await asyncio.gather(*[client.images.generate(prompt=f"otter {number}") for number in range(3)])
            events = [event async for event in await client.images.generate(prompt="an otter", stream=True)]
            return responses, events

    responses, events = asyncio.run(calls())
    assert len({response.data[0].b64_json for response in responses}) == 3
    assert events[-1].type == "image_generation.completed"


def test_an_unknown_path_is_an_error_that_names_it(easel):
    assert "/v1/beavers" in assert_error(easel.post("/v1/beavers", {}), 404)["message"]
