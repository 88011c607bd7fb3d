"""The real binary as a user runs it, and what a test needs to talk to it.

Two rules are enforced here: every prompt in these tests has the word "otter" in it, and when a gateway stops, it exits
with 0 and its log has no otter, no key, no long base64, and nothing that held up the event loop.
"""

import base64
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time

import upstreams
from pictures import opened

ROOT = pathlib.Path(__file__).parents[2]
BINARY = pathlib.Path(os.environ.get("EASEL_BINARY", ROOT / ".build/debug/easel"))
#: Seconds. Generous, because the machine may be busy with a build; nothing waits that long when all is well.
START_WITHIN = STOP_WITHIN = 20
#: Processor time that no piece of work may take of the event loop: reading the authorities' certificates, as the first
#: connection with TLS does, takes half of it.
LOOP_LIMIT = "50ms"

#: Providers and models of a gateway that needs nobody.
OFFLINE = {"offline": {"dialect": "sandbox"}}
SANDBOX = {"sandbox": {"routes": [{"provider": "offline", "model": "sandbox", "price": 0}]}}


class Gateway:
    """Easel as a user runs it: a configuration file, a data folder, a process."""

    #: Is shown every answer to `request`.
    judge = staticmethod(lambda method, path, status, fields, body: None)

    def __init__(self, folder, **configuration):
        self.folder = folder
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.data = folder / "data"
        self.log = folder / "log"
        self.config = folder / "easel.yaml"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "UPSTREAM_KEY": upstreams.KEY}
        self.process = None
        #: What the process is run by: a command that runs another.
        self.wrapper = []
        self._clients = []
        #: Nothing of this may ever be in the log.
        self.secrets = ["otter", upstreams.KEY, "secretsignature"]
        self.key = None
        settings = {
            "listen": f"127.0.0.1:{self.port}",
            "public_url": self.origin,
            "data": str(self.data),
            "providers": OFFLINE,
            "models": SANDBOX,
            "defaults": {"generate": "sandbox", "edit": "sandbox"},
            # Whatever a test leaves under way, its gateway ends while somebody still waits for that.
            "stop_within": f"{STOP_WITHIN // 2}s",
            "loop_limit": LOOP_LIMIT,
        }
        # JSON is YAML.
        self.config.write_text(json.dumps(settings | configuration, indent=2))

    # The process

    def start(self):
        self.launch()
        eventually(self.is_ready, within=START_WITHIN, because=lambda: f"not ready; its log:\n{self.log.read_text()}")
        if self.key is None:
            self.key = self.create_key("tests")
        return self

    def launch(self):
        """Starts the process and waits for nothing."""
        with self.log.open("ab") as log:
            # setpriv: should pytest itself be killed, the server goes with it.
            self.process = subprocess.Popen(
                [*self.wrapper, "setpriv", "--pdeathsig", "KILL", BINARY, "serve", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def kill(self):
        """The end that nobody can prepare for."""
        process, self.process = self.process, None
        ended_before = process.poll()
        kill_group(process)
        assert ended_before is None, f"ended by itself with {ended_before}:\n{self.log.read_text()[-5000:]}"

    def is_ready(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log.read_text()}"
        try:
            return self.get("/readyz", key=None).status == 200
        except ConnectionRefusedError:
            return False

    def stop(self):
        """Asks it to end, as systemd and Docker do, and checks how it did."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN)
        finally:
            kill_group(process)
        log = self.log.read_text()
        assert process.returncode == 0, f"stopped with {process.returncode}:\n{log}"
        for secret in self.secrets:
            assert secret not in log, f"the log has {secret!r}:\n{log}"
        assert not re.search(r"[A-Za-z0-9+/]{200}", log), "the log has something like base64 in it"
        overruns = [line for line in log.splitlines() if "event loop was held up" in line]
        if overruns:
            raise AssertionError(f"llvm-symbolizer --obj={BINARY} knows the addresses:\n" + "\n".join(overruns))

    def end(self):
        """Whatever state it is in, it is gone afterwards."""
        while self._clients:
            self._clients.pop().close()
        if self.process is not None:
            kill_group(self.process)
            self.process = None

    @property
    def is_alive(self):
        return self.process.poll() is None and self.get("/healthz", key=None).status == 200

    @property
    def resident(self):
        """Bytes of memory that it has now."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    # The commands

    def run(self, *arguments, exit_code=0):
        """`easel COMMAND …` with this gateway's configuration; what it printed."""
        done = subprocess.run(
            [*self.wrapper, BINARY, *arguments, "--config", self.config],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
            timeout=20,
        )
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if exit_code else "")

    def create_key(self, name, *options):
        printed = self.run("keys", "create", "--name", name, *options)
        [key] = re.findall(r"sk-easel-\S+", printed)
        self.secrets.append(key)
        if self.process is not None:
            eventually(lambda: self.get("/v1/models", key=key).status == 200, within=1, because=lambda: "key not known")
        return key

    def jobs(self):
        return json.loads(self.run("jobs", "list", "--json"))

    # Requests

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body, **options):
        """JSON from a dictionary, or bytes as they are."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            options["headers"] = {"Content-Type": "application/json"} | options.get("headers", {})
        return self.request("POST", path, body=body, **options)

    def request(self, method, path, body=None, headers={}, key=...):
        """One request on a connection of its own. `key` None sends none, and anything else sends that one."""
        key = self.key if key is ... else key
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, authorization | headers)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        fields = {name.lower(): value for name, value in answer.headers.items()}
        self.judge(method, path, answer.status, fields, answer.body)
        return answer

    def fetch(self, url, **headers):
        """A result by its URL, as a browser would: without a key."""
        assert url.startswith(self.origin + "/files/"), url
        return self.get(url.removeprefix(self.origin), key=None, headers=headers)

    def connect(self):
        """A bare connection, for what no HTTP client would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def order(self, version="1.1", headers={}, **parameters):
        """A request for an image as bytes, for a client that leaves, or reads and writes as it likes."""
        body = json.dumps({"model": "picture", "prompt": "an otter"} | parameters).encode()
        head = [
            f"POST /v1/images/generations HTTP/{version}",
            "Host: easel",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*head, "", ""]).encode() + body

    def curl(self, path, *arguments, authorized=True):
        """curl's view: the body, and the status as the last line's number."""
        key = ["--header", f"Authorization: Bearer {self.key}"] if authorized else []
        command = ["curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", *key]
        done = subprocess.run([*command, *arguments, self.origin + path], capture_output=True, timeout=40, check=True)
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status), json.loads(body)

    @property
    def client(self):
        """The stock client; without its own retries, so that one call is one request."""
        # Here, since Tests/Clients drive gateways with other versions, and without any.
        import openai

        self._clients.append(openai.OpenAI(**self.client_options))
        return self._clients[-1]

    @property
    def client_options(self):
        return {"base_url": f"{self.origin}/v1", "api_key": self.key, "max_retries": 0, "timeout": 40}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def eventually(condition, within=10, because=lambda: "still not so"):
    """Waits until the condition holds, and fails when it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"after {within} s: {because()}"
        time.sleep(0.02)
    return value


def free_port():
    """A port that nobody listens on, and that no connection gets as its own: those begin at 32768.

    Tests that run side by side have ports of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = random.randrange(10_000 + worker % 16, 32_000, 16)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def bytes_of(item):
    """The picture in an item of a `b64_json` answer, which has to be base64 of the plainest kind."""
    assert item.url is None
    bytes = base64.b64decode(item.b64_json, validate=True)
    assert base64.b64encode(bytes).decode() == item.b64_json
    opened(bytes)
    return bytes


def assert_error(answer, status, *, type="invalid_request_error", code=..., param=...):
    """The answer is an error in OpenAI's shape, on JSON, with a request id."""
    assert answer.status == status, answer.body
    assert answer.headers.get_content_type() == "application/json"
    assert re.fullmatch(r"req_\w+", answer.headers["x-request-id"])
    assert answer.json.keys() == {"error"}
    error = answer.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str) and error["message"]
    assert type is ... or error["type"] == type
    assert code is ... or error["code"] == code
    assert param is ... or error["param"] == param
    return error


def key_with(easel, *options):
    """A key with limits, and its id."""
    key = easel.create_key("limited", *options)
    [row] = [row for row in json.loads(easel.run("keys", "list", "--json")) if key.startswith(row["prefix"])]
    return key, row["id"]


def all_at_once(count, call):
    """The results of so many calls in threads of their own."""
    results = [None] * count
    barrier = threading.Barrier(count)

    def run(index):
        barrier.wait()
        try:
            results[index] = call()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=[index], daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
