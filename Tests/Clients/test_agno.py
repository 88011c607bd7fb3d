"""Agno's tools: one reads links, the other base64, and both are configured by the environment."""

import pytest
from agno.tools.dalle import DalleTools
from agno.tools.openai import OpenAITools

from pictures import opened

pytestmark = pytest.mark.usefixtures("openai_environment")


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
def test_its_dalle_tool_gets_links(easel, model):
    [image] = DalleTools(model=model).create_image("an otter").images
    assert opened(easel.fetch(image.url).body).size == (1024, 1024)


@pytest.mark.parametrize("model", ["gpt-image-2", "dall-e-3", "sandbox"])
def test_its_openai_tool_gets_base64(model):
    [image] = OpenAITools(image_model=model).generate_image("an otter").images
    assert opened(image.content)
