"""`easel reload` and SIGHUP: another configuration takes the place of the one that counts, or none does."""

import json
import os
import signal
import subprocess
import threading

import pytest

from gateway import BINARY, SANDBOX, eventually

HERON = {"heron": {"routes": [{"provider": "offline", "model": "sandbox", "price": 0}]}}


def rewrite(easel, **changes):
    easel.config.write_text(json.dumps(json.loads(easel.config.read_text()) | changes, indent=2))


def models(easel):
    return [model["id"] for model in easel.get("/v1/models").json["data"]]


def test_a_reload_puts_the_new_configuration_in_place(start):
    easel = start()
    rewrite(easel, models=SANDBOX | HERON, aliases={"dall-e-3": "heron"}, log="warning", strict=True)
    assert models(easel) == ["sandbox"]
    assert "is loaded: 1 provider, 2 models, 2 routes, 1 alias (generation 2)" in easel.run("reload")
    assert models(easel) == ["sandbox", "heron", "dall-e-3"]
    assert easel.client.images.generate(model="dall-e-3", prompt="an otter").data
    answer = easel.post("/v1/images/generations", {"model": "heron", "prompt": "an otter", "beard": 1})
    assert answer.status == 400
    assert "generation 3" in easel.run("reload")


def test_sighup_is_enough(start):
    easel = start()
    rewrite(easel, models=SANDBOX | HERON)
    easel.process.send_signal(signal.SIGHUP)
    eventually(lambda: models(easel) == ["sandbox", "heron"])


def test_a_file_with_mistakes_is_told_before_the_gateway_hears_of_it(start):
    easel = start()
    rewrite(easel, colour="red", models={"heron": {"routes": [{"provider": "ofline"}]}})
    printed = easel.run("reload", exit_code=1)
    assert f"{easel.config}:" in printed and "unknown key 'colour'" in printed and "'offline'" in printed
    assert models(easel) == ["sandbox"]
    assert "mistake" not in easel.log.read_text()


def test_what_only_the_gateway_can_know_is_told_too(start):
    easel = start()
    rewrite(easel, public_url="${PUBLIC_ADDRESS}")
    # Set here, and not in the environment that the gateway was started with.
    environment = easel.environment | {"PUBLIC_ADDRESS": "http://images.example"}
    done = subprocess.run(
        [BINARY, "reload", "--config", easel.config], capture_output=True, text=True, env=environment, timeout=20
    )
    assert done.returncode == 1
    assert f"{easel.config}:" in done.stderr and "PUBLIC_ADDRESS is not set" in done.stderr
    assert "goes on with what it had (generation 1)" in done.stderr
    log = easel.log.read_text()
    assert "PUBLIC_ADDRESS is not set" in log and "configuration refused" in log
    assert easel.client.images.generate(prompt="an otter").data


@pytest.mark.parametrize("change", [{"listen": "127.0.0.1:1"}, {"durability": "relaxed"}], ids=str)
def test_what_needs_a_restart_is_refused_with_its_place(start, change):
    easel = start()
    rewrite(easel, models=SANDBOX | HERON, **change)
    [key] = change
    printed = easel.run("reload", exit_code=1)
    line = 1 + next(n for n, text in enumerate(easel.config.read_text().splitlines()) if f'"{key}"' in text)
    assert f"{easel.config}:{line}:" in printed and f"'{key}'" in printed and "only a restart can change it" in printed
    assert models(easel) == ["sandbox"]


def test_without_a_gateway_there_is_nothing_to_reload(start):
    easel = start()
    rewrite(easel, data=str(easel.folder / "elsewhere"))
    printed = easel.run("reload", exit_code=1)
    assert f"no gateway runs with the data folder '{easel.folder}/elsewhere', which {easel.config} names" in printed
    assert "One that was started with another 'data' is not found this way" in printed
    rewrite(easel, data=str(easel.data))
    easel.stop()
    assert "no gateway runs with the data folder" in easel.run("reload", exit_code=1)
    easel.start()
    os.kill(easel.process.pid, signal.SIGKILL)
    easel.process.wait()
    assert "no gateway runs with the data folder" in easel.run("reload", exit_code=1)
    easel.start()
    assert "generation 2" in easel.run("reload")


def test_another_file_than_the_gateways_own_is_refused(start):
    easel = start()
    other = easel.folder / "other.yaml"
    other.write_text(easel.config.read_text())
    command = [BINARY, "reload", "--config", other]
    done = subprocess.run(command, capture_output=True, text=True, env=easel.environment, timeout=20)
    assert done.returncode == 1
    assert f"reads {easel.config}" in done.stderr
    other.unlink()
    other.symlink_to(easel.config)
    assert subprocess.run(command, env=easel.environment, timeout=20).returncode == 0


def test_what_began_before_a_reload_ends_as_it_began(start, openai_upstream):
    openai_upstream.pause()
    easel = start(openai_upstream)
    answers = []
    client = threading.Thread(
        target=lambda: answers.append(easel.post("/v1/images/generations", {"model": "picture", "prompt": "otter"}))
    )
    client.start()
    openai_upstream.wait_for_calls()
    rewrite(easel, providers={"offline": {"dialect": "sandbox"}}, models=SANDBOX)
    easel.run("reload")
    assert models(easel) == ["sandbox"]
    assert easel.post("/v1/images/generations", {"model": "picture", "prompt": "otter"}).status == 404
    openai_upstream.resume()
    client.join()
    assert answers[0].status == 200
    assert len(openai_upstream.calls) == 1


def test_reloads_under_load_cost_no_request(start):
    easel = start()
    answers, go_on = [], threading.Event()

    def order():
        while not go_on.is_set():
            answers.append(easel.post("/v1/images/generations", {"prompt": "an otter", "size": "64x64"}).status)

    clients = [threading.Thread(target=order) for _ in range(4)]
    for client in clients:
        client.start()
    for number in range(8):
        rewrite(easel, limits={"images": 1 + number})
        easel.run("reload")
    go_on.set()
    for client in clients:
        client.join()
    assert set(answers) == {200} and len(answers) >= 4


def test_reloads_at_once_each_tell_the_truth(start):
    easel = start()
    rewrite(easel, models=SANDBOX | HERON)
    commands = [
        subprocess.Popen([BINARY, "reload", "--config", easel.config], stdout=subprocess.PIPE, env=easel.environment)
        for _ in range(5)
    ]
    for command in commands:
        printed, _ = command.communicate(timeout=30)
        assert command.returncode == 0 and b"is loaded" in printed
    assert models(easel) == ["sandbox", "heron"]
