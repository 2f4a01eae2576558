"""The API: right answers, problems for wrong requests, and safe defaults."""

import base64
import concurrent.futures
import contextlib
import io
import json
import os
import re
import signal
import socket
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inkdigits import Reader
from inkdigits.artifact import load_artifact, shipped
from inkdigits.errors import UsageError
from inkdigits.web import Settings, create_app, work
from inkdigits.web.limits import RateLimit, Threads
from inkdigits.web.live import load
from inkdigits.web.problems import Refused
from inkdigits.web.processes import Processes
from tests.command_line import error_of, start

APP = create_app()
CLIENT = APP.test_client()
READER = Reader.load(threads=1)
NOW = load(shipped(), "the shipped artifact")


def png(canvas: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG")
    return file.getvalue()


def url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


@pytest.fixture(scope="module")
def picture(mnist_test) -> bytes:
    """The digits 7, 2 and 1, dark on white."""
    row = 255 - np.concatenate(list(mnist_test.images[:3]), axis=1)
    return png(np.asarray(Image.fromarray(row).resize((420, 140))))


def test_a_picture_is_read_the_same_however_it_is_sent(picture):
    as_form = {"picture": (io.BytesIO(picture), "../../etc/passwd.png")}
    answers = [
        CLIENT.post("/api/v1/read", data=picture, content_type="image/png"),
        CLIENT.post("/api/v1/read", data=picture, content_type="application/octet-stream"),
        CLIENT.post("/api/v1/read", data=as_form),
        CLIENT.post("/api/v1/read", json={"picture": url(picture)}),
    ]
    expected = json.loads(json.dumps(READER.read(picture).to_dict()))
    assert [answer.json["reading"] for answer in answers] == [expected] * 4
    assert expected["text"] == "721"
    assert all(re.fullmatch("[0-9a-f]{64}", answer.json["artifact"]) for answer in answers)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("expect=3&digits_only=true", {"expect": 3, "digits_only": True}),
        ("single=1", {"single": True}),
        ("grid=1x3", {"grid": (1, 3)}),
    ],
)
def test_options_are_those_of_the_reader(picture, query, options):
    answer = CLIENT.post(f"/api/v1/read?{query}", data=picture, content_type="image/png")
    assert answer.json["reading"]["text"] == READER.read(picture, **options).text


def test_glyphs_and_the_picture_come_when_asked_for(picture):
    answer = CLIENT.post(
        "/api/v1/read?glyphs=true&picture=true", data=picture, content_type="image/png"
    )
    glyphs = [np.frombuffer(base64.b64decode(g), np.uint8) for g in answer.json["glyphs"]]
    expected = [digit.glyph.ravel() for digit in READER.read(picture).digits]
    assert np.array_equal(glyphs, expected)
    shown = base64.b64decode(answer.json["picture"].partition(",")[2])
    assert Image.open(io.BytesIO(shown)).size == (420, 140)


def test_regions_are_read_each_on_its_own(picture):
    regions = {"regions": {"first": [0, 0, 0.33, 1], "last": [0.66, 0, 0.34, 1]}}
    form = {"picture": (io.BytesIO(picture), "x.png"), "regions": json.dumps(regions)}
    for answer in (
        CLIENT.post("/api/v1/regions", json={"picture": url(picture), "regions": regions}),
        CLIENT.post("/api/v1/regions", data=form),
    ):
        texts = {name: reading["text"] for name, reading in answer.json["readings"].items()}
        assert texts == {"first": "7", "last": "1"}


def npy(images: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, images)
    return file.getvalue()


def test_glyphs_are_classified_from_json_and_from_numpy(mnist_test):
    images = mnist_test.images[:5]
    answers = [
        CLIENT.post("/api/v1/predict", json={"images": images.tolist()}),
        CLIENT.post("/api/v1/predict", data=npy(images), content_type="application/octet-stream"),
        CLIENT.post(
            "/api/v1/predict",
            data=npy(np.asfortranarray(images)),
            content_type="application/octet-stream",
        ),
    ]
    probabilities = READER.predict_proba(images)
    for answer in answers:
        found = answer.json["predictions"]
        assert [one["label"] for one in found] == mnist_test.labels[:5].tolist()
        assert np.allclose([one["probabilities"] for one in found], probabilities, atol=1e-6)
        assert all(one["accepted"] for one in found)


def test_a_glyph_is_explained(mnist_test):
    glyph = mnist_test.images[0]
    answer = CLIENT.post("/api/v1/explain", json={"glyph": glyph.tolist()}).json
    evidence = np.array(answer["evidence"])
    assert answer["label"] == 7
    assert evidence.shape == (28, 28)
    assert not evidence[glyph == 0].any()
    against = CLIENT.post("/api/v1/explain", json={"glyph": glyph.tolist(), "label": 3}).json
    assert np.sum(against["evidence"]) < evidence.sum()


def test_the_model_says_what_it_is():
    answer = CLIENT.get("/api/v1/model").json
    assert (answer["labels"], answer["licence"]) == (list("0123456789"), "MIT")
    assert answer["report"], "the shipped report is of another artifact: make shipped"
    assert answer["report"]["images"] == 10_000
    assert len(base64.b64decode(answer["report"]["mistakes"][0]["glyph"])) == 28 * 28


BLANK = png(np.zeros((90, 90), np.uint8))
READ, PREDICT = "/api/v1/read", "/api/v1/predict"
PNG, JSON, BYTES = "image/png", "application/json", "application/octet-stream"
GLYPHS = npy(np.zeros((9, 28, 28), np.uint8))
PROBLEMS = {
    "no picture": (READ, b"", PNG, 422, "empty"),
    "no image": (READ, b"text", PNG, 422, "not_an_image"),
    "cut short": (READ, BLANK[:60], PNG, 422, "truncated"),
    "a wrong type": (READ, b"text", "text/plain", 415, "wrong_type"),
    "no such page": (f"{READ}?page=3", BLANK, PNG, 422, "no_such_page"),
    "an unknown option": (f"{READ}?{'x' * 3000}=1", BLANK, PNG, 400, "wrong_usage"),
    "a wrong option": (f"{READ}?expect=-1", BLANK, PNG, 400, "wrong_usage"),
    "an option twice": (f"{READ}?page=0&page=1", BLANK, PNG, 400, "wrong_usage"),
    "contradictions": (f"{READ}?single=1&expect=2", BLANK, PNG, 400, "wrong_usage"),
    "no data URL": (READ, b'{"picture": "x"}', JSON, 400, "wrong_usage"),
    "no base64": (READ, b'{"picture": "data:;base64,*"}', JSON, 400, "wrong_usage"),
    "no regions": ("/api/v1/regions", b'{"picture": ""}', JSON, 400, "wrong_usage"),
    "no JSON": (PREDICT, b"{", JSON, 400, "wrong_usage"),
    "deep JSON": (PREDICT, b"[" * 200_000, JSON, 400, "wrong_usage"),
    "a wrong shape": (PREDICT, b'{"images": [[1]]}', JSON, 400, "wrong_usage"),
    "no array": (PREDICT, b"\x93NUMPY", BYTES, 400, "wrong_usage"),
    "a wrong array": (PREDICT, npy(np.zeros((1, 28, 28))), BYTES, 400, "wrong_usage"),
    "half an array": (PREDICT, GLYPHS[:-5], BYTES, 400, "wrong_usage"),
    "another place": ("/api/v1/nothing", b"", PNG, 404, "not_found"),
}
FIELDS = ("path", "body", "kind", "status", "code")


@pytest.mark.parametrize(FIELDS, PROBLEMS.values(), ids=PROBLEMS)
def test_wrong_requests_are_answered_with_a_problem(path, body, kind, status, code):
    answer = CLIENT.post(path, data=body, content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert len(answer.data) < 5000
    assert b"Traceback" not in answer.data


@given(st.binary(max_size=400), st.sampled_from([PNG, JSON, "multipart/form-data; boundary=x"]))
def test_no_body_makes_the_server_fail(body, kind):
    for path in ("/api/v1/read", "/api/v1/predict", "/api/v1/explain", "/api/v1/regions"):
        assert CLIENT.post(path, data=body, content_type=kind).status_code in {400, 415, 422}


def test_too_much_is_refused_before_it_is_worked_on():
    client = create_app(Settings(body_limit=1000, pixel_limit=10_000)).test_client()
    assert (
        client.post("/api/v1/read", data=b"x" * 1001, content_type="image/png").status_code == 413
    )
    large = png(np.zeros((101, 100), np.uint8))
    answer = client.post("/api/v1/read", data=large, content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_an_unexpected_error_tells_nothing(monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("the secret")

    monkeypatch.setattr(Reader, "score_glyphs", fail)
    answer = CLIENT.post("/api/v1/predict", json={"images": np.zeros((1, 28, 28), int).tolist()})
    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert b"secret" not in answer.data
    assert "the secret" in caplog.text


def test_every_answer_has_safe_headers():
    for path in ("/", "/static/main.js", "/api/v1/model", "/nothing", "/metrics"):
        with CLIENT.get(path) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("ink.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_only_known_host_names_are_answered(host, status):
    client = create_app(Settings(hosts=("ink.example",))).test_client()
    assert client.get("/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_may_not_write(picture, headers, status):
    answer = CLIENT.post("/api/v1/read", data=picture, content_type="image/png", headers=headers)
    assert answer.status_code == status


def test_a_token_guards_the_api_and_not_the_page():
    client = create_app(Settings(token="s3cret")).test_client()  # noqa: S106
    with client.get("/") as page:
        assert page.status_code == 200
    for given_token, status in (("", 401), ("Bearer wrong", 401), ("Bearer s3cret", 200)):
        answer = client.get("/api/v1/model", headers={"Authorization": given_token})
        assert answer.status_code == status
    assert client.get("/api/v1/model").headers["WWW-Authenticate"] == "Bearer"


def test_a_client_that_asks_too_often_waits():
    client = create_app(Settings(rate_per_s=2)).test_client()
    answers = [client.get("/healthz") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "1"
    other = client.get("/healthz", environ_base={"REMOTE_ADDR": "127.0.0.9"})
    assert other.status_code == 200


def test_a_rate_limit_fills_up_again():
    limit = RateLimit(1000.0)
    for _ in range(2000):
        limit.check("a")
    time.sleep(0.05)
    limit.check("a")


def test_a_full_queue_and_slow_work_are_given_up():
    workers, held = Threads(1, 1, time_limit_s=0.2), threading.Event()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(workers.run, lambda _: held.wait(10), NOW) for _ in range(3)]
        refused = sorted(each.exception().status for each in asked)
    held.set()
    assert refused == [503, 504, 504]
    with pytest.raises(Refused, match="queue is full") as caught:
        Threads(1, -1, 1).run(work.identify, NOW)
    assert caught.value.status == 503


def sleeps(_now, seconds):
    time.sleep(seconds)
    return os.getpid()


def ends(_now):
    os.kill(os.getpid(), signal.SIGKILL)


def fails(_now):
    raise UsageError("the reason")


def breaks(_now):
    raise ValueError("the secret")


@pytest.fixture
def processes():
    hired = Processes(2, 2, time_limit_s=20)
    yield hired
    hired.close()


def test_processes_do_the_work_and_know_the_artifact(processes, tiny_artifact):
    other = load(tiny_artifact.read_bytes(), "the other")
    for now in (NOW, other, NOW):
        assert processes.run(work.identify, now) == now.sha256
    assert processes.run(sleeps, NOW, 0) != os.getpid()
    with pytest.raises(UsageError, match="the reason"):
        processes.run(fails, NOW)
    with pytest.raises(RuntimeError, match="the secret"):
        processes.run(breaks, NOW)


def test_a_killed_process_is_replaced_and_its_work_done(processes):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = processes.run(sleeps, NOW, 0)
        asked = pool.submit(processes.run, sleeps, NOW, 1)
        time.sleep(0.3)
        os.kill(first, signal.SIGKILL)
        assert asked.result() != first
    with pytest.raises(RuntimeError, match="died each of 2 times that it did ends"):
        processes.run(ends, NOW)
    assert processes.run(work.identify, NOW) == NOW.sha256


def test_a_process_that_takes_too_long_is_ended_and_the_queue_is_bounded():
    hired = Processes(1, 1, time_limit_s=2)
    busy = hired.run(sleeps, NOW, 0)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(hired.run, sleeps, NOW, 60) for _ in range(3)]
        assert sorted(each.exception().status for each in asked) == [503, 504, 504]
    with pytest.raises(ProcessLookupError):
        os.kill(busy, 0)
    assert hired.run(work.identify, NOW) == NOW.sha256
    hired.close()


def test_requests_are_counted():
    app = create_app()
    client = app.test_client()
    client.get("/healthz")
    client.post("/api/v1/read", data=b"no", content_type="image/png")
    text = client.get("/metrics").text
    assert 'inkdigits_requests_total{endpoint="healthz",status="200"} 1' in text
    assert 'inkdigits_refusals_total{code="not_an_image"} 1' in text
    assert 'inkdigits_request_seconds_bucket{endpoint="read",le="+Inf"} 1' in text


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server started by the command, and the process."""
    folder = tmp_path_factory.mktemp("served")
    artifact = folder / "artifact.onnx"
    artifact.write_bytes(shipped())
    process = start("serve", "--port", "0", "--no-corrections", "--model", artifact)
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
    yield int(found[1]), process, artifact
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    process.stderr.close()


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        answer = b""
        with contextlib.suppress(OSError):  # the server doesn't read all of what it refuses
            connection.sendall(request)
            while piece := connection.recv(65536):
                answer += piece
        return answer


def post(port: int, body: bytes) -> bytes:
    head = f"POST /api/v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    return ask(
        port, f"{head}\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n".encode() + body
    )


def test_two_hundred_uploads_at_once_are_read_or_sent_away(served, picture):
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: post(served[0], picture), range(200)))
    statuses = {answer.split(b" ", 2)[1] for answer in answers}
    assert b"200" in statuses
    assert statuses <= {b"200", b"503"}
    assert all(b"Retry-After: 1" in answer for answer in answers if b" 503 " in answer[:20])


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /api/v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["a huge body", "no HTTP", "a long header", "broken chunks"],
)
def test_broken_requests_are_sent_away(served, request_bytes):
    answer = ask(served[0], request_bytes)
    assert b" 4" in answer[:14] or not answer
    assert b"Traceback" not in answer
    assert b"200 OK" in ask(served[0], b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")


def test_slow_clients_do_not_hold_up_others(served, picture):
    slow = [socket.create_connection(("127.0.0.1", served[0])) for _ in range(30)]
    for connection in slow:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nx")
    assert post(served[0], picture).startswith(b"HTTP/1.1 200")
    for connection in slow:
        connection.close()


def artifact_of(port: int) -> str:
    request = b"GET /api/v1/model HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return json.loads(ask(port, request).partition(b"\r\n\r\n")[2])["artifact"]


def wait_for(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_a_new_artifact_takes_over_and_a_damaged_one_does_not(served, tiny_artifact):
    port, process, path = served
    old, content = artifact_of(port), tiny_artifact.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    error = ""
    while "the new artifact is refused" not in error:
        error = process.stderr.readline()
    assert artifact_of(port) == old
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)
    assert wait_for(lambda: artifact_of(port) != old)
    assert load_artifact(path).info.recipe["name"] == "tiny"


def test_the_access_log_is_json_without_pictures(served, picture):
    port, process, _ = served
    post(port, picture)
    lines = []
    while not any('"/api/v1/read"' in line for line in lines):
        lines.append(process.stderr.readline())
    entry = json.loads(lines[-1])
    assert set(entry) == {"time", "client", "method", "path", "status", "ms", "received"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--port", "70000"], "it must be 0 to 65535"),
        (["--rate", "-1"], "it must be 0 or more"),
        (["--host", "203.0.113.1", "--no-corrections"], "can't serve at 203.0.113.1"),
        (["--model", "missing.onnx", "--no-corrections"], "can't read missing.onnx"),
    ],
)
def test_wrong_settings_are_refused(capsys, options, reason):
    assert reason in error_of(capsys, "serve", *options)[1]
