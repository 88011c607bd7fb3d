"""Edits with the stock client, and as JSON."""

import gzip
import io

import pytest
from openai.types import ImagesResponse

import upstreams
from gateway import assert_error, bytes_of
from pictures import data_uri, large_picture, mask, opened, picture

ORIGINAL = picture(seed=100)


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "otter ü 水獺.png"
    file.write_bytes(ORIGINAL)
    return file


@pytest.mark.parametrize("form", ["bytes", "BytesIO", "open file", "path", "named tuple", "list of one"])
def test_an_image_arrives_whole_in_whatever_form_the_client_gives_it(start, openai_upstream, images, file, form):
    easel = start(openai_upstream)
    with file.open("rb") as opened_file:
        image = {
            "bytes": ORIGINAL,
            "BytesIO": io.BytesIO(ORIGINAL),
            "open file": opened_file,
            "path": file,
            "named tuple": ("otter ü 水獺.png", ORIGINAL, "image/png"),
            "list of one": [ORIGINAL],
        }[form]
        answer = images(easel).edit(model="picture", image=image, prompt="a hat for the otter")
    assert openai_upstream.received_images() == [ORIGINAL]
    assert bytes_of(answer.data[0]) == openai_upstream.made[0]
    assert len(openai_upstream.calls) == 1


def test_several_images_arrive_in_order(start, openai_upstream, images):
    originals = [picture(seed=seed) for seed in range(16)]
    easel = start(openai_upstream)
    images(easel).edit(model="picture", image=originals, prompt="one otter of all these")
    assert openai_upstream.received_images() == originals


def test_a_mask_goes_along_with_its_image(start, openai_upstream):
    easel = start(openai_upstream)
    easel.client.images.edit(model="picture", image=ORIGINAL, mask=mask(), prompt="an otter on the left")
    [call] = openai_upstream.calls
    assert [part.bytes for part in call.parts if part.name == "mask"] == [mask()]
    assert openai_upstream.received_images() == [ORIGINAL]


def test_a_provider_without_uploads_gets_the_image_in_its_json(start, modelverse, images):
    easel = start(modelverse)
    extra = {"negative_prompt": "blurry otter", "seed": 3, "strength": 0.5}
    answer = images(easel).edit(model="picture", image=ORIGINAL, prompt="an otter sketch", extra_body=extra)
    [call] = modelverse.calls
    assert call.json["image"] == data_uri(ORIGINAL)
    # Numbers that came as the text of a form are numbers again: this upstream takes nothing else.
    assert {name: call.json[name] for name in extra} == extra
    assert bytes_of(answer.data[0]) == modelverse.made[0]


def test_an_edit_that_names_no_model_goes_to_the_default_one(sandbox):
    answer = sandbox.client.images.edit(image=ORIGINAL, prompt="a hat for the otter")
    assert opened(bytes_of(answer.data[0]))


def test_the_sandbox_draws_onto_the_image_it_was_given(sandbox):
    def edited(image):
        answer = sandbox.client.images.edit(model="sandbox", image=image, prompt="otter", extra_body={"seed": 1})
        return bytes_of(answer.data[0])

    red, blue = (edited(picture(width=256, height=256, seed=seed)) for seed in (1, 2))
    assert red != blue


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_an_image_of_unstated_type_is_known_by_its_bytes(start, openai_upstream, format):
    easel = start(openai_upstream)
    easel.client.images.edit(model="picture", image=picture(format), prompt="a hat for the otter")
    [part] = [part for part in openai_upstream.calls[0].parts if part.name.startswith("image")]
    assert part.type == f"image/{format.lower()}"


def test_a_large_image_is_passed_on_whole(start, openai_upstream):
    large = large_picture(10)
    easel = start(openai_upstream)
    easel.client.images.edit(model="picture", image=large, prompt="a hat for the otter")
    assert openai_upstream.received_images() == [large]


# JSON: no method of the client makes this form, so the client's own `post` does.


def post_edit(easel, **body):
    body = {"model": "picture", "prompt": "a hat for the otter"} | body
    return easel.client.post("/images/edits", body=body, cast_to=ImagesResponse)


@pytest.mark.parametrize(
    "body",
    [
        {"images": [{"image_url": data_uri(ORIGINAL)}]},
        {"images": [{"image_url": {"url": data_uri(ORIGINAL)}}]},
        {"images": [data_uri(ORIGINAL)]},
        {"image": data_uri(ORIGINAL)},
        {"image": [data_uri(ORIGINAL)]},
    ],
    ids=["images of image_url", "image_url with url", "images of strings", "image string", "image list"],
)
def test_an_edit_can_be_json_with_a_data_uri(start, openai_upstream, body):
    easel = start(openai_upstream)
    answer = post_edit(easel, **body)
    assert openai_upstream.received_images() == [ORIGINAL]
    assert bytes_of(answer.data[0]) == openai_upstream.made[0]


def test_an_edit_can_be_json_with_links_and_a_mask(start, openai_upstream, file_server):
    easel = start(openai_upstream)
    second = picture(seed=101)
    post_edit(
        easel,
        images=[{"image_url": file_server.publish(ORIGINAL)}, {"image_url": file_server.publish(second)}],
        mask={"image_url": data_uri(mask())},
    )
    assert openai_upstream.received_images() == [ORIGINAL, second]
    [received_mask] = [part.bytes for part in openai_upstream.calls[0].parts if part.name == "mask"]
    assert received_mask == mask()


def test_an_image_that_its_server_has_packed_is_not_unpacked(start, file_server):
    """100 KB would become 100 MB and hold up the loop, which `Gateway.stop` would tell."""
    easel = start(allow_private=["127.0.0.0/8"])
    packed = gzip.compress(ORIGINAL + bytes(100_000_000))
    file_server.answer_downloads_with(upstreams.status(200, packed, "image/png", Content_Encoding="gzip"))
    body = {"prompt": "otter", "images": [{"image_url": file_server.publish(ORIGINAL)}]}
    error = assert_error(easel.post("/v1/images/edits", body), 400, code="invalid_image_url")
    assert "'gzip'" in error["message"]


def test_a_link_to_a_private_address_is_not_followed(start, openai_upstream, file_server):
    easel = start(openai_upstream, allow_private=[])
    body = {"model": "picture", "prompt": "otter", "images": [{"image_url": file_server.publish(ORIGINAL)}]}
    error = assert_error(easel.post("/v1/images/edits", body), 400)
    assert error["param"].startswith("images[0]")
    assert "'allow_private'" in error["message"]
    assert not file_server.downloads and not openai_upstream.calls


@pytest.mark.parametrize(
    "link",
    [
        "http://localhost:{port}/otter.png",
        "http://127.1:{port}/otter.png",
        "http://2130706433:{port}/otter.png",
        "http://[::1]:{port}/otter.png",
        "http://[::ffff:127.0.0.1]:{port}/otter.png",
        "http://0.0.0.0:{port}/otter.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/otter.png",
        "http://100.64.0.1/otter.png",
        "file:///etc/passwd",
        "ftp://127.0.0.1/otter.png",
        "gopher://127.0.0.1:{port}/otter",
        "http://user:pass@127.0.0.1:{port}/otter.png",
        "otter.png",
        "",
    ],
)
def test_no_spelling_of_a_private_address_is_followed(start, openai_upstream, file_server, link):
    easel = start(openai_upstream, allow_private=[])
    link = link.replace("{port}", file_server.origin.rpartition(":")[2])
    body = {"model": "picture", "prompt": "otter", "images": [{"image_url": link}]}
    assert_error(easel.post("/v1/images/edits", body), 400)
    assert not file_server.downloads and not openai_upstream.calls


def test_a_file_id_is_refused_by_name(start, openai_upstream):
    easel = start(openai_upstream)
    body = {"model": "picture", "prompt": "otter", "images": [{"file_id": "file-123"}]}
    assert_error(easel.post("/v1/images/edits", body), 400, code="invalid_value", param="images[0].file_id")
    assert not openai_upstream.calls
