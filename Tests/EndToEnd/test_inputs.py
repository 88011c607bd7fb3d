"""How input images reach a provider: in a format it lists, within its bounds, by the only road it takes."""

import base64
import io
import json
import urllib.error
import urllib.request

import pytest
from PIL import Image

import upstreams
from conftest import serving
from gateway import assert_error
from pictures import data_uri, encoded, mask, opened, picture

#: A dialect for each kind of provider that these tests need; they differ in what they take.
DIALECT = """
operations: [edit]
auth: {{Authorization: "Bearer ${{api_key}}"}}
request:
  POST: /images/edits
  json: {{prompt: $prompt, image: $image.{form}, mask: $mask.{form}}}
limits: {limits}
answer: {{images: "data[]", url: url}}
"""


class Picky(upstreams.Upstream):
    """Takes an image as `form`, within `limits`; fetches what it gets as a URL, as such a provider would."""

    model = "picky"

    def __init__(self, form="data_uri", limits="{images: 1}"):
        super().__init__()
        self.text = DIALECT.format(form=form, limits=limits)
        #: What came, by field: bytes, and the URLs they came from.
        self.received, self.addresses, self.fetched = [], [], []

    def fulfil(self, exchange):
        body = exchange.call.json
        assert body.keys() <= {"prompt", "image", "mask"}
        self.received.append({name: self.bytes_of(body[name]) for name in ("image", "mask") if name in body})
        exchange.send(200, {"data": [{"url": self.publish(bytes)} for bytes in self.make(1)]})

    def bytes_of(self, text):
        if text.startswith("data:"):
            head, _, payload = text.partition(",")
            bytes = base64.b64decode(payload, validate=True)
            assert head == f"data:image/{opened(bytes).format.lower()};base64"
            return bytes
        self.addresses.append(text)
        with urllib.request.urlopen(text, timeout=10) as answer:
            self.fetched.append(answer)
            return answer.read()


@pytest.fixture
def picky(request):
    yield from serving(Picky(**getattr(request, "param", {})))


@pytest.fixture
def start_with(start, tmp_path):
    """start_with(upstream, …): a gateway that knows their dialects, and tries them in this order."""

    def start_with(*upstreams, **configuration):
        folder = tmp_path / "dialects"
        folder.mkdir()
        names = ["picky", "picky2"][: len(upstreams)]
        for name, upstream in zip(names, upstreams, strict=True):
            (folder / f"{name}.yaml").write_text(upstream.text)
        configuration = {
            "dialects": str(folder),
            "providers": {
                name: {"dialect": name, "base_url": upstream.base_url, "api_key": "${UPSTREAM_KEY}"}
                for name, upstream in zip(names, upstreams, strict=True)
            },
            "models": {"picture": {"routes": [{"provider": name, "model": "picky"} for name in names]}},
            "defaults": {},
            "allow_private": ["127.0.0.0/8"],
        } | configuration
        return start(**configuration)

    return start_with


def edit(easel, image, *, strict=False, **more):
    body = {"model": "picture", "prompt": "an otter", "images": [{"image_url": data_uri(image)}]} | more
    return easel.post("/v1/images/edits", body, headers={"Easel-Strict": "true"} if strict else {})


def image_report(answer):
    assert answer.status == 200, answer.body
    return answer.json["easel"]["parameters"].get("image")


def animated_gif():
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


LISTED = {"limits": "{images: 1, image: {formats: [png, jpeg], side: 1..300, bytes: 100KB}}"}


@pytest.mark.parametrize("picky", [LISTED], indirect=True)
class TestFormatsAndBounds:
    def test_an_image_that_fits_is_sent_untouched(self, start_with, picky):
        original = picture("JPEG")
        assert image_report(edit(start_with(picky), original)) is None
        assert picky.received == [{"image": original}]

    @pytest.mark.parametrize(
        ("original", "format"),
        [
            (animated_gif(), "PNG"),
            (picture("TIFF"), "PNG"),
            (picture("BMP"), "PNG"),
            (picture("WEBP"), "JPEG"),
        ],
        ids=["GIF", "TIFF", "BMP", "WebP"],
    )
    def test_a_format_that_is_not_listed_is_re_encoded(self, start_with, picky, original, format):
        report = image_report(edit(start_with(picky), original))
        received = opened(picky.received[0]["image"])
        assert (received.format, getattr(received, "n_frames", 1)) == (format, 1)
        assert received.size == opened(original).size
        if original[:3] == b"GIF":
            assert received.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
        assert report["outcome"] == "mapped" and "picky" in report["note"]

    def test_transparency_survives(self, start_with, picky):
        clear = encoded(opened(mask()), "WEBP", lossless=True)
        edit(start_with(picky), clear)
        received = opened(picky.received[0]["image"])
        assert (received.format, received.mode) == ("PNG", "RGBA")

    def test_a_picture_on_its_side_is_turned_when_it_is_re_encoded(self, start_with, picky):
        image = Image.new("RGB", (600, 300), "red")
        exif = image.getexif()
        exif[0x0112] = 6
        edit(start_with(picky), encoded(image, "JPEG", exif=exif))
        assert opened(picky.received[0]["image"]).size == (150, 300)

    def test_a_large_image_is_scaled_and_the_answer_says_so(self, start_with, picky):
        easel = start_with(picky)
        answer = edit(easel, picture("JPEG", width=1200, height=800))
        assert opened(picky.received[0]["image"]).size == (300, 200)
        report = image_report(answer)
        assert report["outcome"] == "clamped"
        assert report["note"] == "scaled from 1200×800 to 300×200 for picky: sides up to 300"
        shown = json.loads(easel.run("jobs", "show", answer.json["easel"]["id"], "--json"))
        assert shown["report"]["image"] == report

    def test_an_image_of_too_many_bytes_is_scaled(self, start_with, picky):
        noise = encoded(Image.effect_noise((290, 290), 90).convert("RGB"), "PNG", compress_level=0)
        assert len(noise) > 200_000
        assert image_report(edit(start_with(picky), noise))["outcome"] == "clamped"
        received = picky.received[0]["image"]
        assert len(received) <= 100_000 and opened(received).format == "PNG"

    def test_strict_refuses_to_scale_and_names_the_bound(self, start_with, picky):
        answer = edit(start_with(picky), picture("JPEG", width=1200, height=800), strict=True)
        error = assert_error(answer, 400, param="images[0].image_url")
        assert "picky" in error["message"] and "300" in error["message"]
        assert not picky.calls


@pytest.mark.parametrize(
    "picky", [{"limits": "{images: 1, mask: white}"}, {"limits": "{images: 1, mask: black}"}], indirect=True
)
def test_a_mask_becomes_what_the_provider_marks_with(start_with, picky):
    edit(start_with(picky), picture(), mask={"image_url": data_uri(mask())})
    received = opened(picky.received[0]["mask"])
    assert (received.format, received.mode, received.size) == ("PNG", "L", (64, 64))
    ends = (received.getpixel((0, 0)), received.getpixel((63, 63)))
    assert ends == ((255, 0) if "white" in picky.text else (0, 255))


def test_a_mask_of_another_size_is_refused_before_anything_is_bought(start_with, picky):
    answer = edit(start_with(picky), picture(), mask={"image_url": data_uri(mask(width=32, height=32))})
    error = assert_error(answer, 400, param="mask")
    assert "32x32" in error["message"] and "64x64" in error["message"]
    assert not picky.calls


@pytest.mark.parametrize("picky", [{"form": "url"}], indirect=True)
class TestURLsOnly:
    def test_an_upload_is_published_while_the_job_runs(self, start_with, picky):
        easel = start_with(picky)
        original = picture("JPEG")
        client = easel.client.images
        client.edit(model="picture", image=original, mask=mask(), prompt="an otter", response_format="url")
        assert picky.received == [{"image": original, "mask": mask()}]
        for link, fetched, type in zip(picky.addresses, picky.fetched, ("jpeg", "png"), strict=True):
            assert link.startswith(f"{easel.origin}/files/inputs/")
            assert fetched.headers["Content-Type"] == f"image/{type}"
            assert fetched.headers["Cache-Control"] == "no-store"
            assert fetched.headers["X-Content-Type-Options"] == "nosniff"
            assert easel.fetch(link).status == 404
        [job] = easel.jobs()
        assert "inputs" not in easel.run("jobs", "show", job["id"], "--json")
        assert not list((easel.data / "spool").iterdir())

    def test_a_part_of_a_published_input_can_be_had(self, start_with, picky):
        easel = start_with(picky)
        original, seen = picture(), []

        def look_around(exchange):
            link = exchange.call.json["image"].removeprefix(easel.origin)
            seen.append(easel.request("HEAD", link, key=None))
            seen.append(easel.get(link, key=None, headers={"Range": "bytes=0-9"}))
            seen.append(easel.get(link.replace(".png", ".jpg"), key=None))
            picky.fulfil(exchange)

        picky.answer_with(look_around)
        edit(easel, original)
        head, part, wrong = seen
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(original)))
        assert (part.status, part.body) == (206, original[:10])
        assert wrong.status == 404

    def test_a_job_that_fails_withdraws_its_input_too(self, start_with, picky):
        easel = start_with(picky)
        picky.answer_with(upstreams.status(400))
        assert edit(easel, picture()).status == 400
        assert easel.fetch(picky.calls[0].json["image"]).status == 404

    def test_a_link_is_passed_on_as_it_is(self, start_with, picky, file_server):
        link = file_server.publish(picture())
        body = {"model": "picture", "prompt": "an otter", "images": [{"image_url": link}]}
        assert start_with(picky).post("/v1/images/edits", body).status == 200
        assert picky.addresses == [link]

    def test_a_gateway_that_cannot_be_reached_says_so(self, start_with, picky):
        provider = {"dialect": "picky", "base_url": "https://provider.example/v1", "api_key": "${UPSTREAM_KEY}"}
        easel = start_with(picky, providers={"picky": provider})
        error = assert_error(edit(easel, picture()), 400, param="images[0].image_url")
        assert "public_url" in error["message"] and "picky" in error["message"]
        assert easel.jobs() == []


@pytest.fixture
def lenient():
    yield from serving(Picky(form="url_or_data_uri"))


@pytest.mark.parametrize("refused", [False, True])
def test_a_link_is_downloaded_for_a_second_route_only_when_that_is_needed(
    start_with, lenient, picky, file_server, refused
):
    link = file_server.publish(picture())
    easel = start_with(lenient, picky)
    if refused:
        lenient.answer_with(upstreams.status(429))
    body = {"model": "picture", "prompt": "an otter", "images": [{"image_url": link}]}
    assert easel.post("/v1/images/edits", body).status == 200
    assert lenient.calls[0].json["image"] == link
    # The one download is the lenient provider's own, or the gateway's for the picky one.
    assert len(file_server.downloads) == 1
    assert picky.received == ([{"image": picture()}] if refused else [])


def test_an_address_that_was_never_published_is_not_found(sandbox):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{sandbox.origin}/files/inputs/otter.png", timeout=10)
    assert refusal.value.code == 404
    refusal.value.close()
