"""Semantic Kernel's `OpenAITextToImage`, which names no model when it edits: the owner's default makes it."""

import asyncio
import base64

import openai
import pytest
from semantic_kernel.connectors.ai.open_ai import OpenAITextToImage

from pictures import opened


@pytest.fixture
def run(easel):
    """run(call) gives what `call(service)` comes to, the pictures opened."""

    def run(call):
        async def connected():
            async with openai.AsyncOpenAI(base_url=f"{easel.origin}/v1", api_key=easel.key) as client:
                return await call(OpenAITextToImage(ai_model_id="gpt-image-1", async_client=client))

        return [opened(base64.b64decode(image, validate=True)) for image in asyncio.run(connected())]

    return run


def test_a_prompt_becomes_pictures(run):
    assert len(run(lambda service: service.generate_images("an otter", n=2))) == 2


def test_pictures_are_edited(run, otter, otter_mask):
    assert run(lambda service: service.edit_image("an otter", image_paths=[str(otter)], mask_path=str(otter_mask)))
    assert run(lambda service: service.edit_image("an otter", image_paths=[str(otter), str(otter)]))
