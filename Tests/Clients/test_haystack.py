"""Haystack's `OpenAIImageGenerator`, which leaves after 30 seconds and then asks again, up to five times."""

import asyncio
import base64

import pytest
from haystack.components.generators import OpenAIImageGenerator
from haystack.utils import Secret

from pictures import opened


@pytest.fixture
def generator(easel):
    return OpenAIImageGenerator(api_key=Secret.from_token(easel.key), api_base_url=f"{easel.origin}/v1")


def test_a_prompt_becomes_base64(generator):
    [image] = generator.run("an otter", size="1536x1024", quality="high")["images"]
    assert opened(base64.b64decode(image, validate=True)).size == (1536, 1024)


def test_it_may_be_awaited(generator):
    [image] = asyncio.run(generator.run_async("an otter"))["images"]
    assert opened(base64.b64decode(image, validate=True)).size == (1024, 1024)
