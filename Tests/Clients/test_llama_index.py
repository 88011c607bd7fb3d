"""LlamaIndex's image generation tool, which tells formats by the first letter of base64."""

import pathlib

from llama_index.tools.openai.image_generation.base import OpenAIImageGenerationToolSpec

from pictures import opened


def test_a_prompt_becomes_a_link(openai_environment, easel):
    link = OpenAIImageGenerationToolSpec().image_generation("an otter")
    assert opened(easel.fetch(link).body).size == (1024, 1024)


def test_a_prompt_becomes_a_file(openai_environment, tmp_path):
    (path,) = OpenAIImageGenerationToolSpec(cache_dir=str(tmp_path)).image_generation(
        "an otter", model="dall-e-2", size="256x256", download=True
    )
    assert pathlib.Path(path).suffix == ".png"
    assert opened(pathlib.Path(path).read_bytes()).size == (256, 256)
