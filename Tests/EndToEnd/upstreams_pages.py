"""The providers that answer at once, each as its own page has it and no kinder."""

import base64
import http.client
import re
from urllib.parse import urlsplit

from pictures import opened
from upstreams import KEY, Refusal, Upstream, is_integer, is_number, is_picture


class Page(Upstream):
    """A provider that takes the fields of its page, as the page has them, and nothing else."""

    #: The path that takes orders.
    path = "/v1/images/generations"
    #: What comes before the key.
    scheme = "Bearer "

    def authorize(self, call):
        if call.headers.get("Authorization") != self.scheme + KEY:
            self.refuse(401, "the key is not known")

    def require_json(self, call):
        if call.headers.get_content_type() != "application/json":
            self.refuse(400, f"the body is {call.headers.get('Content-Type')}")
        if not isinstance(call.json, dict):
            self.refuse(400, "the body is no object")
        return call.json

    def require_fields(self, body, fields, required):
        """Every field is known and taken like this, and none is missing."""
        for name, value in body.items():
            if name not in fields:
                self.refuse(400, f"{name} is not a field of the page")
            if not fields[name](value):
                self.refuse(400, f"{name} is not taken like this")
        for name in required:
            if name not in body:
                self.refuse(400, f"{name} is missing")

    def refuse(self, status, message):
        raise Refusal(status, None, None, message)

    def received_images(self, index=-1):
        """The bytes of the input images of one order, in order."""
        body = self.calls[index].json
        return [decoded(body[name]) for name in ("image", "image2", "image3") if name in body]


def decoded(image):
    """The bytes in a data URI or behind a link."""
    return fetched(image)[1] if image.startswith("http") else base64.b64decode(image.rpartition(",")[2])


def fetched(url):
    """What a provider on the internet gets for a link: status and bytes. It has no key of Easel's."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def is_text(value):
    return isinstance(value, str)


def is_data_uri(value):
    return is_text(value) and value.startswith("data:image/") and is_picture(value)


def is_link(value):
    return is_text(value) and re.match(r"https?://", value) is not None


class BizyAir(Page):
    """`Qwen/Qwen-Image` and `Qwen/Qwen-Image-Edit`: two paths that are agreed with the owner, and a link for an hour.

    The edit has no table on the page: its one example is what is taken.
    """

    dialect = "bizyair"
    model = "Qwen/Qwen-Image"
    edit_model = "Qwen/Qwen-Image-Edit"
    settings = {"paths": {"generate": "/qwen/create", "edit": "/qwen/modify"}}
    sizes = ("1328x1328", "1664x928", "928x1664", "1472x1140", "1140x1472", "1584x1056", "1056x1584")
    generation_fields = {
        "model": lambda value: value == BizyAir.model,
        "prompt": lambda value: is_text(value) and value != "",
        "negative_prompt": is_text,
        "image_size": lambda value: value in BizyAir.sizes,
        "seed": lambda value: is_integer(value, 0, 2**63 - 1),
        "num_inference_steps": lambda value: is_integer(value, 1, 1000),
        "guidance_scale": lambda value: is_number(value, 0, 20),
        "cfg": lambda value: is_number(value, 0.1, 20),
        "image": is_picture,
    }
    edit_fields = {
        "model": lambda value: value == BizyAir.edit_model,
        "prompt": lambda value: is_text(value) and value != "",
        "image": is_data_uri,
        "num_inference_steps": lambda value: is_integer(value, 1, 1000),
        "cfg": lambda value: is_number(value, 0.1, 20),
    }

    def fulfil(self, exchange):
        call = exchange.call
        self.authorize(call)
        if call.target == "/v1/qwen/create":
            self.require_fields(self.require_json(call), self.generation_fields, ["model", "prompt", "image_size"])
            exchange.send(200, {"image_url": self.link()})
        elif call.target == "/v1/qwen/modify":
            self.require_fields(self.require_json(call), self.edit_fields, ["model", "prompt", "image"])
            item = {"url": self.link()}
            answer = {"images": [item], "timings": {"inference": 0.525}, "seed": 1266341133, "shared_id": "0"}
            exchange.send(200, answer | {"data": [item], "created": 1758385031})
        else:
            self.refuse(404, f"nothing is served at {call.target}")

    def link(self):
        [bytes] = self.make(1)
        return self.publish(bytes)

    def target(self, number):
        key = f"outputs%2F29674427-c551-otter_{number:05}_.png"
        return f"/{key}?OSSAccessKeyId=LTAIexample&Expires=1758388631&Signature=YVUg{number}%2BesecretsignatureFkk%3D"


class SiliconFlow(Page):
    """The format's origin. Its errors are objects, or bare strings."""

    dialect = "siliconflow"
    model = "Qwen/Qwen-Image"
    edit_model = "Qwen/Qwen-Image-Edit-2509"
    edit_models = ("Qwen/Qwen-Image-Edit", "Qwen/Qwen-Image-Edit-2509")
    fields = {
        "model": lambda value: value in (SiliconFlow.model, *SiliconFlow.edit_models, "Kwai-Kolors/Kolors"),
        "prompt": lambda value: is_text(value) and value != "",
        "negative_prompt": is_text,
        "image_size": lambda value: is_text(value) and re.fullmatch(r"\d{3,4}x\d{3,4}", value),
        "batch_size": lambda value: is_integer(value, 1, 4),
        "seed": lambda value: is_integer(value, 0, 9_999_999_999),
        "num_inference_steps": lambda value: is_integer(value, 1, 100),
        "guidance_scale": lambda value: is_number(value, 0, 20),
        "cfg": lambda value: is_number(value, 0.1, 20),
        "image": is_picture,
        "image2": is_picture,
        "image3": is_picture,
    }

    def fulfil(self, exchange):
        call = exchange.call
        if call.target != self.path:
            return exchange.send(404, b'"404 page not found"')
        if call.headers.get("Authorization") != self.scheme + KEY:
            return exchange.send(401, b'"Invalid token"')
        body = self.require_json(call)
        model = body.get("model")
        is_edit = model in self.edit_models
        required = ["model", "prompt", "image" if is_edit else "image_size"]
        self.require_fields(body, self.fields, required)
        taken = set(self.fields) - (set() if model == self.edit_model else {"image2", "image3"})
        if is_edit:
            taken -= {"image_size"}
        taken -= {"cfg"} if model.startswith("Kwai") else {"batch_size", "guidance_scale"}
        for name in body.keys() - taken:
            self.refuse(400, f"{model} does not support {name}")
        images = [{"url": self.publish(bytes)} for bytes in self.make(body.get("batch_size", 1))]
        answer = {"images": images, "timings": {"inference": 12.3}, "seed": body.get("seed", 424242)}
        exchange.send(200, answer, x_siliconcloud_trace_id=f"trace-{len(self.calls)}")

    def refuse(self, status, message):
        raise Plain(status, {"code": 20012, "message": message, "data": None})


class DMXAPI(Page):
    """`qwen-image-edit`: a form with a file under 4 MB, and the key as it is, without a word before it."""

    dialect = "dmxapi"
    model = edit_model = "qwen-image-edit"
    path = "/v1/images/edits"
    scheme = ""
    fields = {
        "model": lambda text: text == "qwen-image-edit",
        "prompt": lambda text: 0 < len(text) <= 1000,
        "n": lambda text: re.fullmatch("[1-9]|10", text),
        "size": lambda text: re.fullmatch(r"\d{3,4}x\d{3,4}", text),
        "response_format": lambda text: text in ("url", "b64_json"),
        "user": lambda text: text != "",
    }

    def fulfil(self, exchange):
        call = exchange.call
        if call.target != self.path:
            self.refuse(404, f"nothing is served at {call.target}")
        self.authorize(call)
        if call.headers.get_content_type() != "multipart/form-data":
            self.refuse(400, f"the body is {call.headers.get('Content-Type')}")
        body, files = {}, []
        for part in call.parts:
            if part.filename is not None:
                files.append(part)
            elif part.name in body:
                self.refuse(400, f"{part.name} comes twice")
            else:
                body[part.name] = part.text
        self.require_fields(body, self.fields, ["model", "prompt"])
        if [file.name for file in files] != ["image"]:
            self.refuse(400, f"the files are {[file.name for file in files]}, not one image")
        self.require_image(files[0])
        made = self.make(int(body.get("n", 1)))
        if body.get("response_format") == "b64_json":
            data = [{"b64_json": base64.b64encode(bytes).decode()} for bytes in made]
        else:
            data = [{"url": self.publish(bytes)} for bytes in made]
        content = [{"image": item["url"]} for item in data if "url" in item]
        choice = {"finish_reason": "stop", "message": {"content": content, "role": "assistant"}}
        extra = {
            "output": {"choices": [choice]},
            "request_id": f"dmx-request-{len(self.calls)}",
            "usage": {"height": 1024, "image_count": len(data), "width": 1024},
        }
        exchange.send(200, {"data": data, "created": 1758427937, "extra": extra})

    def require_image(self, file):
        if len(file.bytes) >= 4_000_000:
            self.refuse(400, f"the file has {len(file.bytes)} bytes")
        if file.type != f"image/{opened(file.bytes).format.lower()}":
            self.refuse(400, f"a {opened(file.bytes).format} is said to be {file.type}")

    def received_images(self, index=-1):
        return [part.bytes for part in self.calls[index].parts if part.name == "image"]


class QwenImageEdit2509(Page):
    """`qwen-image-edit-2509`: takes the image as a link only, and fetches it while the request waits."""

    dialect = "qwen-image-edit-2509"
    model = edit_model = "qwen-image-edit-2509"
    fields = {
        "model": lambda value: value == "qwen-image-edit-2509",
        "prompt": lambda value: is_text(value) and value != "",
        "image": is_link,
    }

    def __init__(self):
        super().__init__()
        #: Every input image that it fetched, in order.
        self.fetched_images = []

    def fulfil(self, exchange):
        call = exchange.call
        if call.target != self.path:
            self.refuse(404, f"nothing is served at {call.target}")
        self.authorize(call)
        body = self.require_json(call)
        self.require_fields(body, self.fields, ["model", "prompt", "image"])
        status, bytes = fetched(body["image"])
        if status != 200:
            self.refuse(400, f"the image's link answers {status}")
        opened(bytes)
        self.fetched_images.append(bytes)
        data = [{"url": self.publish(bytes)} for bytes in self.make(1)]
        exchange.send(200, {"data": data, "created": 1758636610})

    def target(self, number):
        return f"/output/629c2af9/t2i/c38fb9ef/{number}.png?key=eyJhbGciOiJIUzI1NiJ9.eyJ{number}.secretsignature"

    def received_images(self, index=-1):
        return [self.fetched_images[index]]


class Plain(Refusal):
    """A refusal in a shape of the provider's own."""

    def __init__(self, status, body):
        super().__init__(status, None, None, str(body))
        self._body = body

    @property
    def body(self):
        return self._body
