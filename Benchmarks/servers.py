"""The servers of a benchmark: the provider, and the gateways in front of it. All on loopback, all gone afterwards."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import images

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
EASEL = pathlib.Path(os.environ.get("EASEL_BINARY", ROOT / ".build/release/easel"))
LITELLM = ROOT / ".venvs/litellm-proxy"
#: Seconds. LiteLLM alone takes ten of them.
START_WITHIN = 90
STOP_WITHIN = 20
#: Seconds between two readings of metrics. Prometheus reads them every fifteen or sixty.
WATCH_EVERY = 1

#: Bytes of the images in each scenario.
SMALL, LARGE, LARGER, LARGEST = 1023, 1_000_000, 2_000_000, 8_000_000
#: Different images of a megabyte that the provider has, and different answers with four larger ones: nobody stores the
#: same image over and over. Of small ones none is made twice.
DISTINCT, DISTINCT_LARGER = 64, 8
PROVIDER_KEY = "provider-secret"
LITELLM_KEY = "sk-litellm"


class Server:
    """One process and what it serves at `origin`."""

    name = None
    #: What clients have to send to be let in.
    authorization = None
    environment = {}

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.process = None

    @property
    def command(self):
        raise NotImplementedError

    def start(self):
        self.launch()
        return self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + START_WITHIN
        while not self.is_ready():
            assert self.process.poll() is None, f"{self.name} ended:\n{self.said}"
            assert time.monotonic() < deadline, f"{self.name} is not ready after {START_WITHIN} s:\n{self.said}"
            time.sleep(0.02)
        return self

    def launch(self):
        with (self.folder / "log").open("wb") as log:
            # setpriv: should the benchmark itself be killed, its servers go with it.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)} | self.environment,
                start_new_session=True,
            )

    def is_ready(self):
        with contextlib.suppress(ConnectionError, TimeoutError, http.client.HTTPException):
            return self.request("GET", "/healthz")[0] == 200
        return False

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_WITHIN)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    @property
    def said(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def request(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        authorization = {"Authorization": self.authorization} if self.authorization else {}
        try:
            connection.request(method, path, body, authorization | headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def watched(self):
        """Whoever watches it in earnest does so while something is measured."""
        return contextlib.nullcontext()

    # What it costs

    @property
    def pids(self):
        """The process and its children."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        children = " ".join((task / "children").read_text() for task in tasks.iterdir())
        return [self.process.pid, *map(int, children.split())]

    @property
    def cpu(self):
        """Seconds of processor time that it has used."""
        ticks = 0
        for pid in self.pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    @property
    def resident(self):
        """Bytes."""
        return self.memory("VmRSS")

    @property
    def peak(self):
        """The most bytes that were resident since the start, or since `forget_peak`."""
        return self.memory("VmHWM")

    def memory(self, line):
        return sum(
            int(re.search(rf"{line}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
            for pid in self.pids
        )


class Nginx(Server):
    """nginx with one worker, which is the one process."""

    @property
    def command(self):
        configuration = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        configuration.write_text(f"""
            {user}
            daemon off;
            master_process off;
            pid {self.folder}/pid;
            error_log stderr error;
            worker_rlimit_nofile 20000;
            events {{ worker_connections 19000; }}
            http {{
                access_log off;
                sendfile on;
                tcp_nopush on;
                keepalive_requests 1000000000;
                client_max_body_size 256m;
                client_body_temp_path {self.folder}/body;
                proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fastcgi;
                uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                types {{ image/png png; application/json json; }}
                {self.configuration}
            }}
        """)
        return ["nginx", "-p", self.folder, "-c", configuration, "-e", "stderr"]


class Provider(Nginx):
    """The provider: every answer is fixed, and none is given before the whole request has come.

    The first part of a path names the answer; what follows is OpenAI's.
    """

    name = "provider"

    @property
    def configuration(self):
        files = self.folder / "files"
        (files / "images").mkdir(parents=True, exist_ok=True)
        for number in range(DISTINCT):
            (files / f"images/{number}.png").write_bytes(images.image(LARGE, seed=number))
        for number in range(DISTINCT_LARGER):
            large = [images.image(LARGER, seed=4 * number + position) for position in range(4)]
            (files / f"large-{number}.json").write_bytes(images.answer(*large))
        # A request's id is base64, too: 24 bytes after the end of a PNG, which is where readers stop.
        small = images.answer(images.image(SMALL - 24)).decode().replace('"}]', '$request_id"}]')
        item = f'{{"url":"{self.origin}/images/$number.png?of=$request_id"}}'
        socket = f"unix:{self.folder}/answers"
        return f"""
            {split("number", DISTINCT)}
            {split("larger", DISTINCT_LARGER)}
            upstream answers {{ server {socket}; keepalive 256; }}
            server {{
                listen 127.0.0.1:{self.port};
                # A request is read whole, in memory, before the answer is asked for.
                client_body_buffer_size 12m;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_pass_request_body off;
                proxy_set_header Content-Length "";
                proxy_method GET;
                proxy_max_temp_file_size 0;
                location = /healthz {{ return 200; }}
                location /images/ {{ root {files}; }}
                # Closes the connection without a word.
                location /broken/ {{ return 444; }}
                location ~ ^/(small|links)/v1/ {{ proxy_pass http://answers/$1; }}
                location ~ ^/large/v1/ {{ proxy_pass http://answers/large-$larger.json; }}
            }}
            server {{
                listen {socket};
                default_type application/json;
                location / {{ root {files}; }}
                location = /small {{ return 200 '{small}'; }}
                location = /links {{ return 200 '{{"created":1713833628,"data":[{item}]}}'; }}
            }}
        """


def split(variable, count):
    """nginx's way to give a variable a number below `count`, by chance."""
    shares = "".join(f"{100 / count:.2f}% {number}; " for number in range(count - 1))
    return f"split_clients $request_id ${variable} {{ {shares} * {count - 1}; }}"


class PassThrough(Nginx):
    """nginx as a reverse proxy: about the least that something between a client and a provider can do."""

    name = "nginx"

    def __init__(self, folder, provider, holder):
        super().__init__(folder)
        self.provider = provider
        self.holder = holder

    @property
    def configuration(self):
        stored = self.folder / "stored"
        stored.mkdir(exist_ok=True)
        return f"""
            upstream provider {{ server 127.0.0.1:{self.provider.port}; keepalive 256; }}
            server {{
                listen 127.0.0.1:{self.port};
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                # Nothing on its way is written to disk.
                proxy_request_buffering off;
                proxy_max_temp_file_size 0;
                proxy_read_timeout 600;
                location = /healthz {{ return 200; }}
                location / {{ proxy_pass http://provider; }}
                location /stored/ {{
                    root {self.folder};
                    proxy_store on;
                    proxy_max_temp_file_size 1024m;
                    proxy_pass http://provider/images/;
                }}
                location /held/ {{ proxy_pass http://127.0.0.1:{self.holder.port}; }}
                location /files/ {{ root {self.folder}; }}
            }}
        """

    def publish(self, name, content):
        (self.folder / "files").mkdir(exist_ok=True)
        (self.folder / "files" / name).write_bytes(content)


class LiteLLM(Server):
    """LiteLLM's proxy with one worker and its own recommendations for production, without its database."""

    name = "litellm"
    authorization = f"Bearer {LITELLM_KEY}"
    # It would otherwise fetch its price list when it starts.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}

    def __init__(self, folder, routes):
        super().__init__(folder)
        self.routes = routes

    @property
    def command(self):
        models = [
            {
                "model_name": name,
                "litellm_params": {"model": "openai/gpt-image-2", "api_base": base_url, "api_key": PROVIDER_KEY},
            }
            for name, base_url in self.routes.items()
        ]
        settings = {"master_key": LITELLM_KEY, "disable_spend_logs": True}
        configuration = self.folder / "config.yaml"
        quiet = {"set_verbose": False, "telemetry": False, "num_retries": 0}
        configuration.write_text(
            json.dumps({"model_list": models, "general_settings": settings, "litellm_settings": quiet})
        )
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [LITELLM / "bin/litellm", "--config", configuration, *address, "--num_workers", "1"]

    def is_ready(self):
        with contextlib.suppress(ConnectionError, TimeoutError, http.client.HTTPException):
            return self.request("GET", "/health/liveliness")[0] == 200
        return False


class Easel(Server):
    """Easel with everything on: keys with budgets, a ledger whose commits are durable, the log, metrics."""

    name = "easel"
    #: So large that nothing is refused: every request reserves and settles all the same.
    budget = "1000000/day,10000000/month"
    #: What is said of every provider beside its address.
    provider_settings = {}

    def __init__(self, folder, routes, binary=EASEL, **settings):
        super().__init__(folder)
        self.routes = routes
        self.binary = binary
        self.settings = settings

    @property
    def command(self):
        return [self.binary, "serve", "--config", self.configuration]

    @property
    def configuration(self):
        configuration = self.folder / "easel.yaml"
        providers = {
            name: {"dialect": "openai", "base_url": base_url, "api_key": PROVIDER_KEY, "concurrency": 10_000}
            | self.provider_settings
            for name, base_url in self.routes.items()
        }
        models = {name: {"routes": [{"provider": name, "model": "gpt-image-2", "price": 0.04}]} for name in self.routes}
        settings = {
            "listen": f"127.0.0.1:{self.port}",
            "public_url": self.origin,
            "data": str(self.folder / "data"),
            "providers": providers,
            "models": models,
            "allow_private": ["127.0.0.0/8"],
        }
        # JSON is YAML.
        configuration.write_text(json.dumps(settings | self.settings))
        return configuration

    def start(self):
        if self.authorization is None:
            printed = self.run("keys", "create", "--name", "bench", "--budget", self.budget)
            self.authorization = "Bearer " + re.search(r"sk-easel-\S+", printed)[0]
        return super().start()

    @contextlib.contextmanager
    def watched(self):
        """Its metrics are read, by a thread; an older binary has none."""
        over, answers = threading.Event(), set()

        def read():
            answers.add(self.request("GET", "/metrics")[0])
            while not over.wait(WATCH_EVERY):
                answers.add(self.request("GET", "/metrics")[0])

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()
        assert answers <= {200, 404}, f"/metrics was answered with {answers}"

    def run(self, *arguments):
        """`easel COMMAND …`; what it printed."""
        command = [self.binary, *arguments, "--config", self.configuration]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Holder(Server):
    """The slow provider: it reads every request, and answers none from `hold` to `release`."""

    name = "holder"

    @property
    def command(self):
        answer = self.folder / "answer.json"
        answer.write_bytes(images.answer(images.image(SMALL)))
        return ["/usr/bin/python3", HERE / "holder.py", str(self.port), answer]

    @property
    def waiting(self):
        return int(self.request("GET", "/waiting")[1])

    def hold(self):
        self.request("GET", "/hold")

    def release(self):
        self.request("GET", "/release")


def free_port():
    """A port that nobody listens on, and that no connection gets as its own: those begin at 32768."""
    for port in range(20_000 + os.getpid() % 1000 * 10, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in taken:
                taken.add(port)
                return port
    raise OSError("no port is free")


taken = set()
