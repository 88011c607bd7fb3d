"""Pydantic AI's image generation, which checks base64, sniffs the bytes and counts the tokens."""

import pytest
from pydantic_ai import BinaryImage
from pydantic_ai.exceptions import ContentFilterError
from pydantic_ai.images import ImageGenerator
from pydantic_ai.images.openai import OpenAIImageGenerationModel
from pydantic_ai.providers.openai import OpenAIProvider

import upstreams
from pictures import opened, picture


def generator(easel):
    provider = OpenAIProvider(base_url=f"{easel.origin}/v1", api_key=easel.key)
    return ImageGenerator(OpenAIImageGenerationModel("gpt-image-2", provider=provider))


def test_a_prompt_becomes_a_picture(easel):
    [image] = generator(easel).generate_sync("an otter", settings={"openai_output_format": "webp"}).images
    assert image.content.media_type == "image/webp"
    assert opened(image.content.data).format == "WEBP"


def test_pictures_are_edited(easel):
    images = [BinaryImage(data=picture(seed=seed), media_type="image/png") for seed in (1, 2)]
    [image] = generator(easel).generate_sync("an otter", images=images).images
    assert opened(image.content.data)


def test_tokens_are_counted_where_the_provider_tells_them(unreliable):
    usage = generator(unreliable).generate_sync("an otter").usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 20)


def test_a_refused_prompt_is_told_apart(unreliable, upstream):
    error = {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked", "param": None}
    upstream.answer_with(upstreams.status(400, {"error": error}))
    with pytest.raises(ContentFilterError):
        generator(unreliable).generate_sync("an otter")
