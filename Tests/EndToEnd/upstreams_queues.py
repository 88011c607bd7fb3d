"""The providers with a queue, each as its own page has it and no kinder: submit, ask how it is going, fetch, cancel."""

import re
import threading

from pictures import opened
from upstreams import KEY, is_integer, is_number, is_picture
from upstreams_pages import Page, Plain, decoded, is_text


class Task:
    def __init__(self, id, model, order, results):
        self.id, self.model, self.order, self.results = id, model, order, results
        self.state = "IN_QUEUE"
        #: What went wrong with it: fields of its last status.
        self.failure = {}


class Queue(Page):
    """Takes an order and makes it while it is asked about: each question for its status finds it a state further."""

    def __init__(self):
        super().__init__()
        #: A task's states on its way.
        self.states = ["IN_QUEUE", "COMPLETED"]
        self.tasks = {}
        #: Every request about a task, in order of arrival: free of charge.
        self.questions = []
        self._scripted_questions = []
        self._failures = []
        self._lock = threading.Lock()

    def answer_questions_with(self, *answers):
        """The next questions about a task get these, each a function of an `Exchange`."""
        self._scripted_questions += answers

    def answer_questions_as_usual(self):
        self._scripted_questions.clear()

    def fail_next(self, **failure):
        """The next task ends without a picture, its last status with these fields beside it."""
        self._failures.append(failure)

    def respond(self, exchange):
        call = exchange.call
        if match := re.fullmatch(self.question_path, call.path):
            self.questions.append(call)
            scripted = self._scripted_questions.pop(0) if self._scripted_questions else None
            if scripted:
                return scripted(exchange)
            self.authorize(call)
            model, id, question = match.groups()
            task = self.tasks.get(id)
            if task is None or self.application(task.model) != model:
                return self.unknown(exchange)
            with self._lock:
                return self.answer(exchange, call.method, question or "", task)
        return super().respond(exchange)

    def submit(self, model, order, count):
        """A new task, whose pictures are made already."""
        with self._lock:
            task = Task(f"{self.dialect}-task-{len(self.tasks) + 1}", model, order, self.make(count))
            if self._failures:
                task.failure = self._failures.pop(0)
            self.tasks[task.id] = task
            return task

    def advance(self, task):
        if task.state in self.states[:-1]:
            task.state = self.states[self.states.index(task.state) + 1]

    def cancel(self, task):
        """Whether it came in time."""
        if task.state == "COMPLETED":
            return False
        task.state = "COMPLETED"
        task.failure = self.cancelled
        return True

    def application(self, model):
        """The part of a model's path that its tasks are found under."""
        return model


class SeaArt(Queue):
    """`qwen_image_edit_plus`. COMPLETED means finished, not succeeded; errors have three shapes."""

    dialect = "seaart"
    model = edit_model = "qwen_image_edit_plus"
    path = "/model/v1/queue/"
    question_path = "/model/v1/queue/([^/]+)/requests/([^/]+)/(status|response|cancel)"
    cancelled = {"error": "The request was cancelled", "error_type": "CANCELED"}
    fields = {
        "prompt": lambda value: is_text(value) and value != "",
        "images": lambda value: isinstance(value, list) and 1 <= len(value) <= 3 and all(map(is_picture, value)),
        "negative_prompt": lambda value: is_text(value) and len(value) <= 500,
        "size": lambda value: is_text(value) and re.fullmatch(r"\d+\*\d+", value) and SeaArt.is_size(value),
        "n": lambda value: is_integer(value, 1, 6),
        "prompt_extend": lambda value: isinstance(value, bool),
        "watermark": lambda value: isinstance(value, bool),
        "seed": lambda value: is_integer(value, 0, 2147483647),
    }

    @property
    def base_url(self):
        return f"{self.origin}/model/v1"

    @staticmethod
    def is_size(value):
        return all(512 <= int(side) <= 2048 and int(side) % 16 == 0 for side in value.split("*"))

    def authorize(self, call):
        if call.headers.get("Authorization") not in (f"Bearer {KEY}", f"Key {KEY}"):
            message = "Authorization Bearer or Key token is required"
            error = {"code": "UNAUTHORIZED", "message": message}
            raise Plain(401, {"error": error, "request_id": "gateway-1"})

    def fulfil(self, exchange):
        call = exchange.call
        self.authorize(call)
        model = call.target.removeprefix(self.path)
        if model != self.model:
            raise Plain(404, {"detail": f"App not found: {model}"})
        order = self.require_json(call)
        self.require_fields(order, self.fields, ["prompt", "images"])
        task = self.submit(model, order, order.get("n", 1))
        for image in map(decoded, order["images"]):
            self.look_at(image, task)
        exchange.send(200, {"request_id": task.id} | self.addresses(task) | {"queue_position": 0})

    def look_at(self, image, task):
        """A wrong picture is noticed only when its turn comes."""
        found = opened(image)
        if not 384 <= min(found.size) <= max(found.size) <= 3072 or len(image) > 10_000_000:
            message = f"Image dimensions must be in [384, 3072]: {found.size}"
            task.failure = {"error": message, "error_type": "REQUEST_INVALID"}

    def addresses(self, task):
        requests = f"{self.base_url}/queue/{task.model}/requests/{task.id}"
        return {f"{name}_url": f"{requests}/{name}" for name in ("response", "status", "cancel")}

    def answer(self, exchange, method, question, task):
        if (method, question) == ("GET", "status"):
            self.advance(task)
            exchange.send(200, self.status(task))
        elif (method, question) == ("GET", "response"):
            if task.state != "COMPLETED":
                return exchange.send(202, self.status(task))
            if task.failure:
                return exchange.send(200, self.status(task))
            exchange.send(200, {"request_id": task.id, "outputs": self.outputs(task), "metadata": {"prompt": ""}})
        elif (method, question) == ("PUT", "cancel"):
            exchange.send(200 if self.cancel(task) else 400, {"request_id": task.id})
        else:
            raise Plain(405, {"detail": "Method Not Allowed"})

    def status(self, task):
        status = {"status": task.state, "request_id": task.id, "response_url": self.addresses(task)["response_url"]}
        return status | (task.failure if task.state == "COMPLETED" else {})

    def outputs(self, task):
        return [
            {"type": "image", "url": self.publish(bytes), "content_type": "image/png", "width": 64, "height": 64}
            for bytes in task.results
        ]

    def unknown(self, exchange):
        exchange.send(404, {"detail": "Request not found"})

    def refuse(self, status, message):
        raise Plain(status, {"detail": message})

    def received_images(self, index=-1):
        return [decoded(image) for image in self.calls[index].json["images"]]


class Fal(Queue):
    """The queue that others imitate: 202 until it is done, and tasks under the first two segments of a model's name."""

    dialect = "fal"
    model = "fal-ai/flux/dev"
    edit_model = "fal-ai/qwen-image-edit-plus"
    scheme = "Key "
    question_path = "/([^/]+/[^/]+)/requests/([^/]+)(?:/(status|cancel))?"
    cancelled = {"error": "The request was cancelled", "error_type": "client_cancelled"}
    fields = {
        "prompt": lambda value: is_text(value) and value != "",
        "image_size": lambda value: Fal.is_size(value),
        "num_images": lambda value: is_integer(value, 1, 4),
        "seed": lambda value: is_integer(value, 0, 2**63 - 1),
        "num_inference_steps": lambda value: is_integer(value, 1, 100),
        "guidance_scale": lambda value: is_number(value, 0, 20),
        "negative_prompt": is_text,
        "output_format": lambda value: value in ("jpeg", "png"),
        "sync_mode": lambda value: isinstance(value, bool),
        "enable_safety_checker": lambda value: isinstance(value, bool),
    }
    edit_fields = fields | {
        "image_urls": lambda value: isinstance(value, list) and value != [] and all(map(is_picture, value)),
    }
    named_sizes = (
        "square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9",
    )  # fmt: skip

    @property
    def base_url(self):
        return self.origin

    @staticmethod
    def is_size(value):
        if isinstance(value, dict):
            return value.keys() == {"width", "height"} and all(is_integer(side, 64, 4096) for side in value.values())
        return value in Fal.named_sizes

    def authorize(self, call):
        if call.headers.get("Authorization") != f"Key {KEY}":
            raise Plain(401, {"detail": "Cannot access application. Authentication is required."})

    def fulfil(self, exchange):
        call = exchange.call
        self.authorize(call)
        model = call.target[1:]
        if model not in (self.model, self.edit_model):
            raise Plain(404, {"detail": f"Application '{model}' not found"})
        order = self.require_json(call)
        is_edit = model == self.edit_model
        self.require_fields(order, self.edit_fields if is_edit else self.fields, ["prompt"] + ["image_urls"] * is_edit)
        task = self.submit(model, order, order.get("num_images", 1))
        answer = {"status": "IN_QUEUE", "request_id": task.id} | self.addresses(task) | {"queue_position": 0}
        exchange.send(200, answer, x_fal_request_id=task.id)

    def application(self, model):
        return "/".join(model.split("/")[:2])

    def addresses(self, task):
        request = f"{self.origin}/{self.application(task.model)}/requests/{task.id}"
        return {"response_url": request, "status_url": f"{request}/status", "cancel_url": f"{request}/cancel"}

    def answer(self, exchange, method, question, task):
        if (method, question) == ("GET", "status"):
            self.advance(task)
            exchange.send(200 if task.state == "COMPLETED" else 202, self.status(task))
        elif (method, question) == ("GET", ""):
            if task.state != "COMPLETED":
                raise Plain(400, {"detail": "Request is still in progress"})
            if task.failure:
                return exchange.send(500, {"detail": task.failure["error"]})
            exchange.send(200, self.result(task), x_fal_request_id=task.id)
        elif (method, question) == ("PUT", "cancel"):
            if self.cancel(task):
                exchange.send(202, {"status": "CANCELLATION_REQUESTED"})
            else:
                exchange.send(400, {"status": "ALREADY_COMPLETED"})
        else:
            raise Plain(405, {"detail": "Method Not Allowed"})

    def status(self, task):
        status = {"status": task.state, "request_id": task.id, "response_url": self.addresses(task)["response_url"]}
        if task.state == "IN_QUEUE":
            return status | {"queue_position": 0}
        return status | {"logs": []} | (task.failure if task.state == "COMPLETED" else {})

    def result(self, task):
        images = [
            {"url": self.publish(bytes), "width": 64, "height": 64, "content_type": "image/png"}
            for bytes in task.results
        ]
        return {"images": images, "seed": task.order.get("seed", 424242), "has_nsfw_concepts": [False] * len(images)}

    def unknown(self, exchange):
        exchange.send(404, {"detail": "Request not found", "status": "NOT_FOUND"})

    def refuse(self, status, message):
        detail = [{"loc": ["body"], "msg": message, "type": "value_error"}]
        raise Plain(422 if status == 400 else status, {"detail": detail})

    def received_images(self, index=-1):
        return [decoded(image) for image in self.calls[index].json["image_urls"]]
