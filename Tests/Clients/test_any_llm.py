"""any-llm's functions for images."""

import base64

from any_llm import image_edit, image_generation

from pictures import opened, picture


def test_a_prompt_becomes_a_picture(easel):
    response = image_generation("openai:gpt-image-2", "an otter", api_base=f"{easel.origin}/v1", api_key=easel.key)
    assert opened(base64.b64decode(response.data[0].b64_json, validate=True))


def test_a_picture_is_edited(easel, otter):
    for image in (picture(), str(otter), [picture(), picture(seed=1)]):
        response = image_edit(
            "gpt-image-2", image, "an otter", provider="openai", api_base=f"{easel.origin}/v1", api_key=easel.key
        )
        assert opened(base64.b64decode(response.data[0].b64_json, validate=True))
