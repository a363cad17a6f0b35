"""Asks a server through NVIDIA's own client, and prints what came back as one JSON object. Usage: probe.py HOST:PORT"""

import hashlib
import json
import sys

import numpy as np
import tritonclient.http as client
from tritonclient.utils import InferenceServerException

random = np.random.default_rng(7)
images = random.random((32, 64), dtype=np.float32) * 16


def tensor(name, values, binary, datatype="FP32"):
    made = client.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def digest(result, name):
    values = result.as_numpy(name)
    return [str(values.dtype), list(values.shape), hashlib.sha256(values.tobytes()).hexdigest()]


def digits(server, image, in_binary, out_binary, **options):
    outputs = [client.InferRequestedOutput(name, binary_data=out_binary) for name in ("probabilities", "label")]
    result = server.infer(
        "digits", [tensor("x", image, in_binary)], outputs=outputs, request_id="17", **options
    )
    return [digest(result, "probabilities"), digest(result, "label"), result.get_response()["id"]]


def refused(ask):
    try:
        ask()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    raise SystemExit("expected an error, and there was none")


def echo(server, count):
    values = random.random(count, dtype=np.float32)
    wanted = client.InferRequestedOutput("y", binary_data=True)
    result = server.infer("echo", [tensor("x", values, True)], outputs=[wanted])
    return bool(np.array_equal(result.as_numpy("y"), values))


def at_once(server):
    waiting = [
        server.async_infer("digits", [tensor("x", image[None], True)], request_id=str(i))
        for i, image in enumerate(images)
    ]
    return [[answer.get_response()["id"], digest(answer, "probabilities")] for answer in (w.get_result() for w in waiting)]


def main(address):
    one = images[:1]
    # 120 s: the eight megabytes travel through a busy machine.
    with client.InferenceServerClient(address, concurrency=32, network_timeout=120) as server:
        found = {
            "live": server.is_server_live(),
            "ready": server.is_server_ready(),
            "model ready": server.is_model_ready("digits"),
            "no model ready": server.is_model_ready("nobody"),
            "server metadata": server.get_server_metadata(),
            "model metadata": server.get_model_metadata("digits"),
            "model config": server.get_model_config("digits"),
            "json in, json out": digits(server, one, False, False),
            "json in, binary out": digits(server, one, False, True),
            "binary in, json out": digits(server, one, True, False),
            "binary in, binary out": digits(server, one, True, True),
            "a batch": digits(server, images, True, True),
            "gzip": digits(server, one, True, True, request_compression_algorithm="gzip"),
            "deflate": digits(server, one, True, True, response_compression_algorithm="deflate"),
            "unknown model": refused(lambda: server.infer("nobody", [tensor("x", one, True)])),
            "unknown input": refused(lambda: server.infer("digits", [tensor("z", one, True)])),
            "wrong shape": refused(lambda: server.infer("digits", [tensor("x", one[:, :3], True)])),
            "wrong datatype": refused(
                lambda: server.infer("digits", [tensor("x", one.astype(np.int32), True, "INT32")])
            ),
            "8 MB": echo(server, 2_000_000),
            "12 MB": echo(server, 3_000_000),
            "32 at once": at_once(server),
        }
    print(json.dumps(found, sort_keys=True))


main(sys.argv[1])
