"""LiteLLM as a client: generations go through OpenAI's own client, edits through code of its own."""

import base64

import litellm
import pytest

import upstreams
from pictures import opened


@pytest.fixture
def gateway(easel):
    return {"api_base": f"{easel.origin}/v1", "api_key": easel.key}


def test_a_prompt_becomes_a_picture(gateway):
    response = litellm.image_generation("an otter", model="openai/gpt-image-1", size="1024x1024", **gateway)
    assert opened(base64.b64decode(response.data[0].b64_json, validate=True)).size == (1024, 1024)


def test_a_prompt_becomes_a_link(gateway, easel):
    response = litellm.image_generation("an otter", model="openai/dall-e-3", **gateway)
    assert opened(easel.fetch(response.data[0].url).body)


def test_a_picture_is_edited(gateway, otter, otter_mask):
    # It sends the whole path of an open file as its name.
    with otter.open("rb") as image, otter_mask.open("rb") as mask:
        response = litellm.image_edit(image=image, mask=mask, prompt="an otter", model="openai/gpt-image-1", **gateway)
    assert opened(base64.b64decode(response.data[0].b64_json, validate=True))


def test_a_picture_is_varied(gateway, otter, easel):
    with otter.open("rb") as image:
        response = litellm.image_variation(image=image, model="openai/dall-e-2", **gateway)
    assert opened(easel.fetch(response.data[0].url).body)


def test_a_refusal_is_the_exception_that_callers_catch(gateway):
    with pytest.raises(litellm.AuthenticationError):
        litellm.image_generation("an otter", model="openai/gpt-image-1", **gateway | {"api_key": "wrong"})
    with pytest.raises(litellm.BadRequestError):
        litellm.image_edit(image=b"no otter", prompt="an otter", model="openai/gpt-image-1", **gateway)


def test_a_refused_prompt_is_told_apart(unreliable, upstream):
    error = {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked", "param": None}
    upstream.answer_with(upstreams.status(400, {"error": error}))
    with pytest.raises(litellm.ContentPolicyViolationError):
        litellm.image_generation(
            "an otter", model="openai/gpt-image-2", api_base=f"{unreliable.origin}/v1", api_key=unreliable.key
        )
