"""The same order to every provider: nobody can tell from the answer which one served it."""

import json
import re
from dataclasses import dataclass

import openai
import pytest
from openai.types import ImagesResponse

import upstreams
import upstreams_pages
import upstreams_queues
from conftest import serving, starter
from gateway import assert_error, bytes_of
from pictures import data_uri, large_picture, opened, picture
from upstreams_pages import fetched

ORIGINAL = picture(width=512, height=512, seed=100)
PROMPT = "an otter in a beret"

KEPT, CHANGED, DROPPED = ("applied", "mapped"), ("mapped", "clamped"), ("dropped",)


@dataclass
class Route:
    """What becomes of two images, 1024x1024, with a seed and a negative prompt, at one provider."""

    upstream: type
    operation: str
    #: Orders that two images take.
    calls: int
    #: The field of the upstream's request, or "" where it takes none → its value in the first order.
    sent: dict
    size: tuple = KEPT
    seed: tuple = KEPT
    negative_prompt: tuple = KEPT
    model: str | None = None

    @property
    def name(self):
        return f"{self.upstream.__name__} {self.operation}" + (f" {self.model}" if self.model else "")

    @property
    def upstream_model(self):
        default = self.upstream.model if self.operation == "generate" else self.upstream.edit_model
        return self.model or default


ROUTES = [
    Route(upstreams.OpenAI, "generate", 1, {"n": 2, "size": "1024x1024"}, seed=DROPPED, negative_prompt=DROPPED),
    Route(upstreams.OpenAI, "edit", 1, {"n": "2", "size": "1024x1024"}, seed=DROPPED, negative_prompt=DROPPED),
    Route(upstreams.Modelverse, "edit", 1, {"n": 2, "seed": 7, "negative_prompt": "blurry otter"}, size=DROPPED),
    Route(
        upstreams_pages.BizyAir, "generate", 2,
        {"image_size": "1328x1328", "seed": 7, "negative_prompt": "blurry otter"}, size=CHANGED,
    ),
    Route(upstreams_pages.BizyAir, "edit", 2, {}, size=DROPPED, seed=DROPPED, negative_prompt=DROPPED),
    Route(
        upstreams_pages.SiliconFlow, "generate", 2, {"seed": 7, "negative_prompt": "blurry otter"},
        size=KEPT + CHANGED,
    ),
    Route(
        upstreams_pages.SiliconFlow, "edit", 2, {"seed": 7, "negative_prompt": "blurry otter"}, size=DROPPED,
    ),
    Route(
        upstreams_pages.SiliconFlow, "edit", 2, {"seed": 7, "negative_prompt": "blurry otter"}, size=DROPPED,
        model="Qwen/Qwen-Image-Edit",
    ),
    Route(
        upstreams_pages.SiliconFlow, "generate", 1, {"seed": 7, "batch_size": 2}, size=KEPT + CHANGED,
        model="Kwai-Kolors/Kolors",
    ),
    Route(
        upstreams_pages.DMXAPI, "edit", 1, {"n": "2", "size": "1024x1024"}, seed=DROPPED, negative_prompt=DROPPED,
    ),
    Route(upstreams_pages.QwenImageEdit2509, "edit", 2, {}, size=DROPPED, seed=DROPPED, negative_prompt=DROPPED),
    Route(
        upstreams_queues.SeaArt, "edit", 1,
        {"n": 2, "size": "1024*1024", "seed": 7, "negative_prompt": "blurry otter"},
    ),
    Route(
        upstreams_queues.Fal, "generate", 1,
        {"num_images": 2, "image_size": {"width": 1024, "height": 1024}, "seed": 7, "negative_prompt": "blurry otter"},
    ),
    Route(
        upstreams_queues.Fal, "edit", 1,
        {"num_images": 2, "image_size": {"width": 1024, "height": 1024}, "seed": 7, "negative_prompt": "blurry otter"},
    ),
]  # fmt: skip
EDITS = [route for route in ROUTES if route.operation == "edit"]
QUEUES = [route for route in EDITS if issubclass(route.upstream, upstreams_queues.Queue)]


@pytest.fixture(scope="module")
def gateways(tmp_path_factory):
    """gateways(route) gives the upstream and a gateway whose model `picture` is made there, started when first used."""
    started, running = {}, []
    starting = starter(tmp_path_factory.mktemp("providers"))
    start = next(starting)

    def gateways(route):
        if route.name not in started:
            serving_one = serving(route.upstream())
            upstream = next(serving_one)
            # Tests that share a provider share nothing else: one that makes it fail must not have it left alone.
            upstream.settings = upstream.settings | {"breaker": "off"}
            running.append(serving_one)
            started[route.name] = start(upstream, model=route.upstream_model), upstream
        easel, upstream = started[route.name]
        upstream.calls.clear()
        upstream.made.clear()
        upstream.expired = False
        return easel, upstream

    yield gateways
    next(starting, None)
    for serving_one in running:
        next(serving_one, None)


def each(routes):
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


def ask(easel, route, **arguments):
    arguments = {"model": "picture", "prompt": PROMPT} | arguments
    if route.operation == "generate":
        return easel.client.images.generate(**arguments)
    return easel.client.images.edit(**{"image": ("otter.png", ORIGINAL, "image/png")} | arguments)


@each(ROUTES)
@pytest.mark.parametrize("response_format", ["url", "b64_json"])
def test_nobody_can_tell_which_provider_served_them(gateways, sandbox, route, response_format):
    easel, upstream = gateways(route)
    extra = {"seed": 7, "negative_prompt": "blurry otter"}
    order = {"n": 2, "size": "1024x1024", "response_format": response_format, "extra_body": extra}
    answer = ask(easel, route, **order)

    # The same members as in any other answer, the sandbox's for example.
    plain = ask(sandbox, route, **order | {"model": "sandbox"})
    assert members(answer) == members(plain)
    assert answer.size == "64x64" and answer.output_format == "png"

    # Every picture that was paid for, once.
    assert len(upstream.calls) == route.calls
    assert len(upstream.made) == 2
    assert sorted(pictures(easel, answer)) == sorted(upstream.made)

    # Still there when the provider's own links are dead.
    upstream.expired = True
    assert all(fetched(link)[0] != 200 for link in upstream.links)
    assert sorted(pictures(easel, answer)) == sorted(upstream.made)

    # What the provider was told, and what the client is told about that.
    # Orders for one image each go out side by side: the first is the one with the lowest seed.
    told = min(
        (parameters_of(upstream, index) for index in range(route.calls)), key=lambda told: int(told.get("seed", 0))
    )
    assert told["prompt"] == PROMPT
    assert {name: told.get(name) for name in route.sent} == route.sent
    report = answer.easel["parameters"]
    assert report["n"]["outcome"] in KEPT
    for name in ("size", "seed", "negative_prompt"):
        assert report[name]["outcome"] in getattr(route, name), f"{name}: {report[name]}"

    # The ledger knows both sides.
    story = json.loads(easel.run("jobs", "show", answer._request_id, "--json"))
    assert (story["id"], story["state"]) == (answer._request_id, "done")
    assert answer.easel["cost"] == pytest.approx(0.05)
    upstream_id = answer.easel.get("upstream_request_id")
    assert upstream_id is None or upstream_id in json.dumps(story)


def members(answer):
    """The names in an answer, but for what providers may or may not count."""
    own = answer.model_dump(exclude_unset=True)
    easel = own.pop("easel")
    own.pop("usage", None)
    easel.pop("upstream_request_id", None)
    return [own.keys(), easel.keys(), *(item.keys() for item in own["data"]), *(i.keys() for i in easel["images"])]


def pictures(easel, answer):
    return [bytes_of(item) if item.b64_json else easel.fetch(item.url).body for item in answer.data]


def parameters_of(upstream, index=0):
    call = upstream.calls[index]
    if call.headers.get_content_type() == "application/json":
        return call.json
    return {part.name: part.text for part in call.parts if part.filename is None}


@each([route for route in ROUTES if route.calls > 1 and route.seed == KEPT])
def test_several_orders_for_one_request_have_seeds_of_their_own(gateways, route):
    easel, upstream = gateways(route)
    answer = ask(easel, route, n=3, extra_body={"seed": 7})
    assert sorted(parameters_of(upstream, index)["seed"] for index in range(3)) == [7, 8, 9]
    assert [image["seed"] for image in answer.easel["images"]] == [7, 8, 9]


# Images


@each(EDITS)
@pytest.mark.parametrize("form", ["file", "data URI", "link"])
def test_an_image_reaches_every_provider_from_every_form(gateways, file_server, route, form):
    easel, upstream = gateways(route)
    if form == "file":
        ask(easel, route)
    else:
        image = data_uri(ORIGINAL) if form == "data URI" else file_server.publish(ORIGINAL)
        body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": image}]}
        easel.client.post("/images/edits", body=body, cast_to=ImagesResponse)
    assert upstream.received_images() == [ORIGINAL]
    assert len(upstream.calls) == 1


@each(EDITS)
def test_an_image_that_no_provider_takes_is_converted(gateways, route):
    easel, upstream = gateways(route)
    ask(easel, route, image=("otter.tiff", picture("TIFF", width=512, height=512), "image/tiff"))
    [received] = upstream.received_images()
    assert opened(received).size == (512, 512)


def route_of(upstream, operation="edit", **more):
    return next(route for route in ROUTES if route.upstream is upstream and route.operation == operation)


def test_a_file_over_a_providers_limit_is_made_smaller_and_that_is_said(gateways):
    easel, upstream = gateways(route_of(upstreams_pages.DMXAPI))
    answer = ask(easel, route_of(upstreams_pages.DMXAPI), image=large_picture(6))
    [received] = upstream.received_images()
    assert len(received) < 4_000_000
    assert answer.easel["parameters"]["image"]["outcome"] in CHANGED


def test_an_image_too_large_for_a_provider_is_brought_inside_its_bounds(gateways):
    easel, upstream = gateways(route_of(upstreams_queues.SeaArt))
    ask(easel, route_of(upstreams_queues.SeaArt), image=picture(width=5000, height=1000))
    [received] = upstream.received_images()
    assert all(384 <= side <= 3072 for side in opened(received).size)


def test_an_image_too_small_for_a_provider_is_its_own_to_judge(gateways):
    """Pixels that are not there cannot be made up, and its page only recommends the bound."""
    easel, upstream = gateways(route_of(upstreams_queues.SeaArt))
    with pytest.raises(openai.BadRequestError, match="384"):
        ask(easel, route_of(upstreams_queues.SeaArt), image=picture(width=200, height=100))
    assert len(upstream.calls) == 1


@each([route_of(upstreams_queues.SeaArt), route_of(upstreams_queues.Fal), route_of(upstreams_pages.SiliconFlow)])
def test_several_images_stay_in_order(gateways, route):
    easel, upstream = gateways(route)
    originals = [picture(width=400 + 16 * number, height=400, seed=number) for number in range(3)]
    ask(easel, route, image=[(f"{index}.png", bytes, "image/png") for index, bytes in enumerate(originals)])
    assert upstream.received_images() == originals


def test_one_image_more_than_a_provider_takes_is_refused_before_anything_is_bought(gateways):
    route = route_of(upstreams_queues.SeaArt)
    easel, upstream = gateways(route)
    image = ("otter.png", ORIGINAL, "image/png")
    error = assert_error(edit_with_curl(easel, [image] * 4), 400)
    assert error["param"].startswith("image")
    assert not upstream.calls


def edit_with_curl(easel, images):
    body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": data_uri(bytes)} for _, bytes, _ in images]}
    return easel.post("/v1/images/edits", body)


# One provider at a time


def test_a_published_image_is_withdrawn_when_the_job_ends(gateways):
    route = route_of(upstreams_pages.QwenImageEdit2509)
    easel, upstream = gateways(route)
    ask(easel, route)
    link = upstream.calls[0].json["image"]
    assert link.startswith(easel.origin + "/")
    assert re.search(r"[\w-]{20,}", link.removeprefix(easel.origin)), "the link can be guessed"
    assert fetched(link)[0] in (404, 410)


def test_a_link_that_the_client_gave_is_passed_on_as_it_is(gateways, file_server):
    route = route_of(upstreams_pages.QwenImageEdit2509)
    easel, upstream = gateways(route)
    link = file_server.publish(ORIGINAL)
    body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": link}]}
    easel.client.post("/images/edits", body=body, cast_to=ImagesResponse)
    assert upstream.calls[0].json["image"] == link


def test_an_image_cannot_be_published_where_its_provider_cannot_come(start):
    provider = {"dialect": "qwen-image-edit-2509", "base_url": "https://relay.example/v1", "api_key": "${UPSTREAM_KEY}"}
    routes = [{"provider": "relay", "model": "qwen-image-edit-2509", "price": 0.01}]
    easel = start(providers={"relay": provider}, models={"picture": {"routes": routes}}, defaults={})
    body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": data_uri(ORIGINAL)}]}
    assert "public_url" in assert_error(easel.post("/v1/images/edits", body), 400)["message"]


def test_a_prompt_that_is_too_long_for_its_provider_is_refused_before_anything_is_bought(gateways):
    easel, upstream = gateways(route_of(upstreams_pages.DMXAPI))
    body = {"model": "picture", "prompt": "otter " * 200, "images": [{"image_url": data_uri(ORIGINAL)}]}
    error = assert_error(easel.post("/v1/images/edits", body), 400)
    assert error["param"] == "prompt" and "1000" in error["message"]
    assert not upstream.calls


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        (None, "1328x1328"),
        ("auto", "1328x1328"),
        ("1024x1024", "1328x1328"),
        ("1792x1024", "1664x928"),
        ("1024x1792", "928x1664"),
        ("1024x768", "1472x1140"),
        ("768x1024", "1140x1472"),
        ("1536x1024", "1584x1056"),
        ("1024x1536", "1056x1584"),
    ],
)
def test_bizyair_gets_one_of_its_seven_sizes(gateways, size, sent):
    route = route_of(upstreams_pages.BizyAir, "generate")
    easel, upstream = gateways(route)
    ask(easel, route, **{"size": size} if size else {})
    assert upstream.calls[0].json["image_size"] == sent


@pytest.mark.parametrize(
    ("size", "sent"), [("1000x1000", "1008*1008"), ("300x300", "512*512"), ("4096x2048", "2048*1024"), ("auto", None)]
)
def test_seaart_gets_multiples_of_sixteen(gateways, size, sent):
    route = route_of(upstreams_queues.SeaArt)
    easel, upstream = gateways(route)
    ask(easel, route, size=size)
    assert upstream.calls[0].json.get("size") == sent


@pytest.mark.parametrize("value", [True, False])
def test_seaart_gets_switches_as_they_are(gateways, value):
    route = route_of(upstreams_queues.SeaArt)
    easel, upstream = gateways(route)
    ask(easel, route, extra_body={"prompt_extend": value, "watermark": value})
    order = upstream.calls[0].json
    assert order["prompt_extend"] is value and order["watermark"] is value


def test_what_a_page_does_not_name_is_refused_for_a_strict_client(gateways):
    route = route_of(upstreams_pages.DMXAPI)
    easel, upstream = gateways(route)
    body = {"model": "picture", "prompt": PROMPT, "seed": 7, "images": [{"image_url": data_uri(ORIGINAL)}]}
    answer = easel.post("/v1/images/edits", body, headers={"Easel-Strict": "true"})
    assert assert_error(answer, 400)["param"] == "seed"
    assert not upstream.calls


# Queues


@each(QUEUES)
def test_a_task_is_asked_about_until_it_is_done_and_ordered_once(gateways, route):
    easel, upstream = gateways(route)
    upstream.states = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    before = len(upstream.questions)
    assert ask(easel, route).data
    *statuses, result = upstream.questions[before:]
    assert [status.path.endswith("/status") for status in statuses] == [True, True]
    assert not result.path.endswith("/status")
    assert len(upstream.calls) == 1


@each(QUEUES)
@pytest.mark.parametrize("kind", ["a string", "an object", "its type only"])
def test_a_task_that_is_done_may_have_failed(gateways, route, kind):
    easel, upstream = gateways(route)
    failed = "INFERENCE_FAILURE" if route.upstream is upstreams_queues.SeaArt else "runner_server_error"
    upstream.fail_next(
        **{
            "a string": {"error": "out of paint", "error_type": failed},
            "an object": {"error": {"code": failed, "message": "out of paint"}, "error_type": failed},
            "its type only": {"error": "", "error_type": failed},
        }[kind]
    )
    body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": data_uri(ORIGINAL)}]}
    error = assert_error(easel.post("/v1/images/edits", body), 502, type=...)
    assert kind == "its type only" or "out of paint" in error["message"]
    assert len(upstream.calls) == 1


def test_a_refused_picture_is_told_apart(gateways):
    easel, upstream = gateways(route_of(upstreams_queues.SeaArt))
    upstream.fail_next(error="not this otter", error_type="CONTENT_BLOCKED")
    body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": data_uri(ORIGINAL)}]}
    error = assert_error(easel.post("/v1/images/edits", body), 400, type=...)
    assert error["code"] in ("content_policy_violation", "moderation_blocked")


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (401, {"error": {"code": "UNAUTHORIZED", "message": "token is required"}, "request_id": "g"}, 502),
        (429, {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "slow down"}, "request_id": "g"}, 429),
        (404, {"detail": "App not found: otter"}, 502),
        (500, {"detail": "Runtime execution failed"}, 502),
        (
            402,
            {"status": {"code": 402, "message": "Insufficient credits", "error_code": 40201}, "data": None},
            502,
        ),
    ],
    ids=["gateway 401", "gateway 429", "runtime 404", "runtime 500", "account 402"],
)
def test_every_shape_of_a_seaart_error_is_understood(gateways, status, answer, expected):
    easel, upstream = gateways(route_of(upstreams_queues.SeaArt))
    upstream.answer_with(upstreams.status(status, answer))
    body = {"model": "picture", "prompt": PROMPT, "images": [{"image_url": data_uri(ORIGINAL)}]}
    answered = easel.post("/v1/images/edits", body)
    assert_error(answered, expected, type=...)
    # Its own words, if not for the client, who cannot mend the owner's account, then for the owner.
    said = answer.get("detail") or answer.get("error", {}).get("message") or answer["status"]["message"]
    assert said in easel.run("jobs", "show", answered.headers["x-request-id"])


@each(QUEUES)
def test_questions_that_fail_are_asked_again(gateways, route):
    easel, upstream = gateways(route)
    upstream.answer_questions_with(upstreams.status(502), upstreams.no_answer)
    assert ask(easel, route).data
    assert len(upstream.calls) == 1


@each(QUEUES)
def test_addresses_of_another_host_are_not_asked_with_the_key(gateways, file_server, monkeypatch, route):
    easel, upstream = gateways(route)
    links = {f"{name}_url": f"{file_server.origin}/otter/{name}" for name in ("status", "response", "cancel")}
    monkeypatch.setattr(upstream, "addresses", lambda task: links)
    assert ask(easel, route).data
    assert not file_server.downloads and not file_server.calls
