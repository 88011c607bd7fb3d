"""LangChain's `DallEAPIWrapper`, which reads links and nothing else."""

import pytest
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

from pictures import opened


def wrapper(easel, **options):
    return DallEAPIWrapper(base_url=f"{easel.origin}/v1", api_key=easel.key, **options)


@pytest.mark.parametrize("options", [{}, {"model": "dall-e-3", "quality": "hd"}, {"n": 2}], ids=repr)
def test_every_prompt_becomes_links(easel, options):
    links = wrapper(easel, **options).run("an otter").split("\n")
    assert len(links) == options.get("n", 1)
    for link in links:
        assert opened(easel.fetch(link).body).size == (1024, 1024)


def test_other_models_have_to_be_asked_for_links(easel):
    # It joins the links of an answer. OpenAI's newer models have none, so it fails with those at OpenAI too.
    with pytest.raises(TypeError):
        wrapper(easel, model="gpt-image-1").run("an otter")
    links = wrapper(easel, model="gpt-image-1", model_kwargs={}).client.generate(
        prompt="an otter", model="gpt-image-1", response_format="url"
    )
    assert links.data[0].url.startswith(easel.origin)
