"""Edits as curl, browsers and hand-written clients send them: multipart in every spelling seen in the wild."""

import json

import pytest

from conftest import starter
from gateway import assert_error
from pictures import large_picture, mask, picture
from upstreams import OpenAI

FIRST, SECOND, THIRD = (picture(seed=seed) for seed in (1, 2, 3))


@pytest.fixture(scope="module")
def upstream():
    upstream = OpenAI()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstream):
    starting = starter(tmp_path_factory.mktemp("forms"))
    yield next(starting)(upstream)
    next(starting, None)


@pytest.fixture
def easel(gateway, upstream):
    upstream.calls.clear()
    return gateway


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("first.png", "second.png", "third.png")]
    for path, bytes in zip(paths, (FIRST, SECOND, THIRD), strict=True):
        path.write_bytes(bytes)
    return paths


@pytest.mark.parametrize(
    "names",
    [
        ["image"],
        ["image[]"],
        ["image[0]"],
        ["images"],
        ["images[]"],
        ["image", "image", "image"],
        ["image[]", "image[]", "image[]"],
        ["image[0]", "image[1]", "image[2]"],
        ["images", "images", "images"],
        ["image", "image[]", "image[]"],
    ],
    ids=" ".join,
)
def test_every_name_for_an_image_is_understood(easel, upstream, files, names):
    forms = [word for name, file in zip(names, files) for word in ("--form", f"{name}=@{file}")]
    status, body = easel.curl("/v1/images/edits", "--form", "prompt=otter", "--form", "model=picture", *forms)
    assert status == 200, body
    assert upstream.received_images() == [FIRST, SECOND, THIRD][: len(names)]


def test_numbered_images_are_put_in_the_order_of_appearance(easel, upstream, files):
    forms = ["--form", f"image[1]=@{files[0]}", "--form", f"image[0]=@{files[1]}"]
    status, body = easel.curl("/v1/images/edits", "--form", "prompt=otter", "--form", "model=picture", *forms)
    assert status == 200, body
    assert upstream.received_images() == [FIRST, SECOND]


@pytest.mark.parametrize(
    "suffix",
    [
        ";type=application/octet-stream",
        ";type=image/jpeg",
        ";filename=/home/otter/pictures/otter.png",
        ";filename=C:\\\\otter\\\\otter.png",
        ';filename="otter %22quoted%22.png"',
        ";filename=水獺.png",
        ";filename=otter",
    ],
)
def test_what_a_file_is_called_or_said_to_be_does_not_matter(easel, upstream, files, suffix):
    form = ["--form", "prompt=otter", "--form", "model=picture", "--form", f"image=@{files[0]}{suffix}"]
    status, body = easel.curl("/v1/images/edits", *form)
    assert status == 200, body
    [image] = [part for part in upstream.calls[0].parts if part.name.startswith("image")]
    assert (image.bytes, image.type) == (FIRST, "image/png")
    assert "/" not in image.filename and "\\" not in image.filename


def form(*parts, boundary="XXotterXX", preamble=b"", epilogue=b""):
    """A multipart body from (head lines, bytes) pairs."""
    body = preamble
    for head, bytes in parts:
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + bytes + b"\r\n"
    return body + f"--{boundary}--\r\n".encode() + epilogue


PROMPT = ('Content-Disposition: form-data; name="prompt"', b"an otter")
MODEL = ('Content-Disposition: form-data; name="model"', b"picture")
IMAGE = ('Content-Disposition: form-data; name="image"; filename="otter.png"\r\nContent-Type: image/png', FIRST)


def post_form(easel, body, content_type="multipart/form-data; boundary=XXotterXX", **headers):
    return easel.post("/v1/images/edits", body, headers={"Content-Type": content_type} | headers)


@pytest.mark.parametrize(
    "body",
    [
        form(PROMPT, MODEL, IMAGE),
        form(IMAGE, MODEL, PROMPT),
        form(PROMPT, MODEL, ('Content-Disposition: form-data; name="image"; filename="upload"', FIRST)),
        form(
            ('Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="prompt"', b"an otter"),
            ('Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="model"', b"picture"),
            ('Content-Type: image/png\r\nContent-Disposition: form-data; name="image[]"; filename="otter.png"', FIRST),
        ),
        form(
            ("content-disposition: form-data; name=prompt", b"an otter"),
            ("CONTENT-DISPOSITION: Form-Data; NAME=model", b"picture"),
            ("content-disposition:form-data;name=image;filename=otter.png", FIRST),
        ),
        form(PROMPT, MODEL, ('Content-Disposition: form-data; name="image"\r\nContent-Type: image/png', FIRST)),
        form(PROMPT, MODEL, IMAGE, preamble=b"This is a preamble.\r\n", epilogue=b"This is an epilogue."),
        form(PROMPT, MODEL, ('Content-Disposition: form-data; name="n"', b""), IMAGE),
    ],
    ids=[
        "files last", "files first", "no content type", "type before name", "unquoted", "no filename", "preamble",
        "empty n",
    ],
)  # fmt: skip
def test_every_way_of_writing_a_form_is_read(easel, upstream, body):
    answer = post_form(easel, body)
    assert answer.status == 200, answer.body
    assert upstream.received_images() == [FIRST]
    assert [part.text for part in upstream.calls[0].parts if part.name == "prompt"] == ["an otter"]


def test_a_boundary_may_be_quoted(easel, upstream):
    content_type = 'multipart/form-data; charset=utf-8; boundary="otter: (a) boundary"'
    answer = post_form(easel, form(PROMPT, MODEL, IMAGE, boundary="otter: (a) boundary"), content_type)
    assert answer.status == 200, answer.body


def test_a_part_may_hold_what_looks_like_a_boundary(easel, upstream):
    prompt = b"otter\r\n--XXotterX\r\n--XXother--\r\n-"
    answer = post_form(easel, form((PROMPT[0], prompt), MODEL, IMAGE))
    assert answer.status == 200, answer.body
    assert [part.bytes for part in upstream.calls[0].parts if part.name == "prompt"] == [prompt]


@pytest.mark.parametrize("name", ["mask", "mask[]"])
def test_a_mask_is_understood_by_either_name(easel, upstream, name):
    part = (f'Content-Disposition: form-data; name="{name}"; filename="mask.png"', mask())
    answer = post_form(easel, form(PROMPT, MODEL, IMAGE, part))
    assert answer.status == 200, answer.body
    assert [part.bytes for part in upstream.calls[0].parts if part.name == "mask"] == [mask()]


def test_curl_may_wait_for_permission_to_send_more_than_a_megabyte(easel, upstream, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(large_picture(3))
    arguments = ["--form", "prompt=otter", "--form", "model=picture", "--form", f"image=@{large}"]
    status, body = easel.curl("/v1/images/edits", "--header", "Expect: 100-continue", *arguments)
    assert status == 200, body
    assert upstream.received_images() == [large.read_bytes()]


def test_a_body_may_come_in_chunks(easel, upstream, files):
    arguments = ["--form", "prompt=otter", "--form", "model=picture", "--form", f"image=@{files[0]}"]
    status, body = easel.curl("/v1/images/edits", "--header", "Transfer-Encoding: chunked", *arguments)
    assert status == 200, body
    assert upstream.received_images() == [FIRST]


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "application/json; charset=utf-8", "text/plain", ""]
)
def test_json_is_read_under_whatever_content_type_curl_gives_it(easel, upstream, content_type):
    order = json.dumps({"model": "picture", "prompt": "an otter"})
    status, body = easel.curl("/v1/images/generations", "--header", f"Content-Type: {content_type}", "--data", order)
    assert status == 200, body
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (form(PROMPT, MODEL), "image"),
        (form(MODEL, IMAGE), "prompt"),
        (form(PROMPT, MODEL, (IMAGE[0], b"this is not a picture of an otter")), "image"),
        (form(PROMPT, MODEL, (IMAGE[0], b"")), "image"),
        (form(PROMPT, MODEL, (IMAGE[0], FIRST[:40])), "image"),
        (form(PROMPT, MODEL, *[IMAGE] * 17), "image"),
        (form(PROMPT, MODEL, IMAGE, ('Content-Disposition: form-data; name="n"', b"many")), "n"),
        (form(PROMPT, MODEL, IMAGE, ('Content-Disposition: form-data; name="size"', b"huge")), "size"),
    ],
    ids=["no image", "no prompt", "not a picture", "empty", "cut off", "seventeen images", "n", "size"],
)
def test_a_form_that_cannot_be_an_edit_is_refused_by_the_name_of_its_fault(easel, upstream, body, param):
    error = assert_error(post_form(easel, body), 400, type=..., code=...)
    assert error["param"].split("[")[0] == param
    assert not upstream.calls


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(PROMPT, MODEL, IMAGE)[:-20], "multipart/form-data; boundary=XXotterXX"),
        (form(PROMPT, MODEL, IMAGE), "multipart/form-data; boundary=another"),
        (form(PROMPT, MODEL, IMAGE), "multipart/form-data"),
        (form(PROMPT, MODEL, IMAGE), "multipart/form-data; boundary="),
        (form(PROMPT, MODEL, IMAGE), f"multipart/form-data; boundary={'x' * 71}"),
        (b"", "multipart/form-data; boundary=XXotterXX"),
        (form(("Content-Disposition: form-data", b"nameless")), "multipart/form-data; boundary=XXotterXX"),
        (form(("X: " + "y" * 100_000, b"")), "multipart/form-data; boundary=XXotterXX"),
        (form(*[PROMPT] * 5000), "multipart/form-data; boundary=XXotterXX"),
        (b"<otter/>", "application/xml"),
    ],
    ids=[
        "cut off", "wrong boundary", "no boundary", "empty boundary", "long boundary", "empty", "nameless part",
        "huge part head", "thousands of parts", "xml",
    ],
)  # fmt: skip
def test_a_broken_form_is_refused_and_buys_nothing(easel, upstream, body, content_type):
    answer = post_form(easel, body, content_type)
    assert answer.status in (400, 413, 415)
    assert_error(answer, answer.status)
    assert not upstream.calls
    assert easel.is_alive
