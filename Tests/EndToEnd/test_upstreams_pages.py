"""The fakes of the five pages are as strict as the pages: what they show passes, and everything else does not."""

import io
import json
import urllib.error
import urllib.request

import pytest

import upstreams
import upstreams_pages
import upstreams_queues
from pictures import data_uri, large_picture, opened, picture

IMAGE = data_uri(picture(width=512, height=512))
MISSING = "missing"


def bizyair_generation():
    order = {"model": "Qwen/Qwen-Image", "prompt": "an otter", "negative_prompt": "", "image_size": "1328x1328"}
    return "/qwen/create", order | {"seed": 42, "num_inference_steps": 20, "guidance_scale": 7.5, "cfg": 4.0}


def bizyair_edit():
    order = {"image": IMAGE, "cfg": 4, "num_inference_steps": 20, "prompt": "a jersey for the otter"}
    return "/qwen/modify", order | {"model": "Qwen/Qwen-Image-Edit"}


def siliconflow_generation():
    return "/images/generations", {
        "model": "Qwen/Qwen-Image",
        "prompt": "an otter",
        "image_size": "1328x1328",
        "cfg": 4,
    }


def siliconflow_edit():
    order = {"model": "Qwen/Qwen-Image-Edit-2509", "prompt": "both otters", "image": IMAGE, "image2": IMAGE}
    return "/images/generations", order | {"seed": 9_999_999_999, "num_inference_steps": 100}


def qwen_image_edit_2509(link):
    return "/images/generations", {"model": "qwen-image-edit-2509", "prompt": "a duck for the otter", "image": link}


def seaart():
    order = {"prompt": "an otter", "images": [IMAGE], "negative_prompt": "blurry", "size": "1024*1536", "n": 6}
    return "/queue/qwen_image_edit_plus", order | {"prompt_extend": False, "watermark": False, "seed": 0}


def fal():
    order = {"prompt": "an otter", "image_urls": [IMAGE], "num_images": 4, "image_size": {"width": 512, "height": 512}}
    return "/fal-ai/qwen-image-edit-plus", order


def post(upstream, path, order, scheme=None, key=upstreams.KEY):
    scheme = upstream.scheme if scheme is None else scheme
    headers = {"Content-Type": "application/json", "Authorization": scheme + key}
    request = urllib.request.Request(upstream.base_url + path, json.dumps(order).encode(), headers)
    return answer(request)


def ask(upstream, url, method="GET"):
    return answer(
        urllib.request.Request(url, method=method, headers={"Authorization": upstream.scheme + upstreams.KEY})
    )


def answer(request):
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.fixture
def upstream(request):
    upstream = request.param()
    yield upstream
    upstream.close()


def of(upstream, *rest):
    return pytest.param(upstream, *rest, id=f"{upstream.__name__} {rest[0].__name__}")


ORDERS = [
    of(upstreams_pages.BizyAir, bizyair_generation),
    of(upstreams_pages.BizyAir, bizyair_edit),
    of(upstreams_pages.SiliconFlow, siliconflow_generation),
    of(upstreams_pages.SiliconFlow, siliconflow_edit),
    of(upstreams_queues.SeaArt, seaart),
    of(upstreams_queues.Fal, fal),
]


@pytest.mark.parametrize(("upstream", "order"), ORDERS, indirect=["upstream"])
def test_what_a_page_shows_is_taken(upstream, order):
    status, answer = post(upstream, *order())
    assert status == 200, answer
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(("upstream", "order"), ORDERS, indirect=["upstream"])
def test_a_field_that_no_page_has_is_refused(upstream, order):
    path, body = order()
    assert post(upstream, path, body | {"otter": 1})[0] in (400, 422)
    assert not upstream.made


@pytest.mark.parametrize(("upstream", "order"), ORDERS, indirect=["upstream"])
@pytest.mark.parametrize("key", ["sk-easel-otter", ""])
def test_another_key_is_refused(upstream, order, key):
    assert post(upstream, *order(), key=key)[0] == 401
    assert post(upstream, *order(), scheme="Basic ")[0] == 401
    assert not upstream.made


@pytest.mark.parametrize(
    ("upstream", "order", "change"),
    [
        (upstreams_pages.BizyAir, bizyair_generation, {"image_size": MISSING}),
        (upstreams_pages.BizyAir, bizyair_generation, {"image_size": "1024x1024"}),
        (upstreams_pages.BizyAir, bizyair_generation, {"cfg": 21}),
        (upstreams_pages.BizyAir, bizyair_generation, {"seed": "42"}),
        (upstreams_pages.BizyAir, bizyair_generation, {"model": "Qwen/Qwen-Image-Edit"}),
        (upstreams_pages.BizyAir, bizyair_edit, {"image": MISSING}),
        (upstreams_pages.BizyAir, bizyair_edit, {"image": "http://127.0.0.1/otter.png"}),
        (upstreams_pages.BizyAir, bizyair_edit, {"image_size": "1328x1328"}),
        (upstreams_pages.SiliconFlow, siliconflow_generation, {"image_size": MISSING}),
        (upstreams_pages.SiliconFlow, siliconflow_generation, {"batch_size": 2}),
        (upstreams_pages.SiliconFlow, siliconflow_generation, {"guidance_scale": 7}),
        (upstreams_pages.SiliconFlow, siliconflow_edit, {"image_size": "1328x1328"}),
        (upstreams_pages.SiliconFlow, siliconflow_edit, {"seed": 10_000_000_000}),
        (upstreams_pages.SiliconFlow, siliconflow_edit, {"model": "Qwen/Qwen-Image-Edit"}),
        (upstreams_queues.SeaArt, seaart, {"images": []}),
        (upstreams_queues.SeaArt, seaart, {"images": [IMAGE] * 4}),
        (upstreams_queues.SeaArt, seaart, {"size": "1024x1536"}),
        (upstreams_queues.SeaArt, seaart, {"size": "1000*1000"}),
        (upstreams_queues.SeaArt, seaart, {"n": 7}),
        (upstreams_queues.SeaArt, seaart, {"watermark": "false"}),
        (upstreams_queues.SeaArt, seaart, {"model": "qwen_image_edit_plus"}),
        (upstreams_queues.Fal, fal, {"image_urls": MISSING}),
        (upstreams_queues.Fal, fal, {"image_size": "512x512"}),
    ],
    indirect=["upstream"],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else getattr(value, "__name__", None),
)
def test_what_a_page_does_not_show_is_refused(upstream, order, change):
    path, body = order()
    body = {name: value for name, value in (body | change).items() if value is not MISSING}
    assert post(upstream, path, body)[0] in (400, 422)
    assert not upstream.made


def test_siliconflow_has_bare_strings_among_its_errors():
    upstream = upstreams_pages.SiliconFlow()
    assert post(upstream, "/otter", {}) == (404, "404 page not found")
    assert post(upstream, *siliconflow_edit(), key="otter") == (401, "Invalid token")
    upstream.close()


@pytest.mark.parametrize(
    "change",
    [
        {"model": MISSING},
        {"prompt": "o" * 1001},
        {"n": "0"},
        {"seed": "7"},
        {"image": large_picture(4.1)},
        {"type": "image/jpeg"},
        {"key": f"Bearer {upstreams.KEY}"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_dmxapi_takes_a_small_file_and_a_bare_key(change):
    upstream = upstreams_pages.DMXAPI()
    assert post_form(upstream, {})[0] == 200
    assert post_form(upstream, change)[0] in (400, 401)
    assert len(upstream.made) == 1
    upstream.close()


def post_form(upstream, change):
    form = {"model": "qwen-image-edit", "prompt": "a hat for the otter", "size": "1024x1024"}
    form |= {"image": picture(), "type": "image/png", "key": upstreams.KEY} | change
    file, type, key = form.pop("image"), form.pop("type"), form.pop("key")
    body = io.BytesIO()
    for name, text in form.items():
        if text is not MISSING:
            body.write(f'--otter\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode())
    head = f'--otter\r\nContent-Disposition: form-data; name="image"; filename="o.png"\r\nContent-Type: {type}\r\n\r\n'
    body.write(head.encode() + file + b"\r\n--otter--\r\n")
    headers = {"Content-Type": "multipart/form-data; boundary=otter", "Authorization": key}
    return answer(urllib.request.Request(upstream.base_url + "/images/edits", body.getvalue(), headers))


def test_qwen_image_edit_2509_fetches_its_image(file_server):
    upstream = upstreams_pages.QwenImageEdit2509()
    link = file_server.publish(picture(seed=3))
    status, answered = post(upstream, *qwen_image_edit_2509(link))
    assert status == 200 and "?key=" in answered["data"][0]["url"]
    assert upstream.received_images() == [picture(seed=3)]
    file_server.expired = True
    for image in (link, IMAGE, "otter"):
        assert post(upstream, *qwen_image_edit_2509(image))[0] == 400
    assert len(upstream.made) == 1
    upstream.close()


@pytest.mark.parametrize(
    ("upstream", "order"),
    [of(upstreams_queues.SeaArt, seaart), of(upstreams_queues.Fal, fal)],
    indirect=["upstream"],
)
def test_a_task_goes_its_way(upstream, order):
    upstream.states = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    task = post(upstream, *order())[1]
    early = ask(upstream, task["response_url"])
    assert early[0] == (202 if upstream.dialect == "seaart" else 400)
    statuses = [ask(upstream, task["status_url"]) for _ in range(2)]
    assert [body["status"] for _, body in statuses] == ["IN_PROGRESS", "COMPLETED"]
    assert [status for status, _ in statuses] == ([200, 200] if upstream.dialect == "seaart" else [202, 200])
    result = ask(upstream, task["response_url"])[1]
    links = [image["url"] for image in result.get("outputs", result.get("images"))]
    assert [opened(upstreams_pages.fetched(link)[1]).size for link in links] == [(64, 64)] * len(upstream.made)


@pytest.mark.parametrize(
    ("upstream", "order"),
    [of(upstreams_queues.SeaArt, seaart), of(upstreams_queues.Fal, fal)],
    indirect=["upstream"],
)
def test_a_cancelled_task_is_completed_with_an_error(upstream, order):
    task = post(upstream, *order())[1]
    assert ask(upstream, task["cancel_url"], "PUT")[0] in (200, 202)
    status = ask(upstream, task["status_url"])[1]
    assert status["status"] == "COMPLETED" and status["error_type"] == upstream.cancelled["error_type"]
    assert ask(upstream, task["cancel_url"], "PUT")[0] == 400


def test_a_link_with_a_key_beside_its_signature_is_refused():
    upstream = upstreams_pages.BizyAir()
    link = upstream.publish(picture())
    assert upstreams_pages.fetched(link)[0] == 200
    for change in (link.replace("%2F", "/"), link.replace("%2B", "+"), link.replace("%3D", "=")):
        assert upstreams_pages.fetched(change)[0] == 403
    request = urllib.request.Request(link, headers={"Authorization": f"Bearer {upstreams.KEY}"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    assert refusal.value.code == 400
    refusal.value.close()
    upstream.close()
