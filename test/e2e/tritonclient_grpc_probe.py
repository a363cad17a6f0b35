"""Asks a server through NVIDIA's own gRPC client, and prints what came back as one JSON object.

Usage: probe.py HOST:PORT          every case, one JSON object
       probe.py HOST:PORT watch    one long stream, one line a piece, and last how it ended
"""

import asyncio
import hashlib
import json
import queue
import sys
import threading

import grpc
import numpy as np
import tritonclient.grpc as client
import tritonclient.grpc.aio as client_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

random = np.random.default_rng(7)
images = random.random((32, 64), dtype=np.float32) * 16
one = images[:1]
outputs = [client.InferRequestedOutput(name) for name in ("probabilities", "label")]


def tensor(name, values, datatype="FP32"):
    made = client.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


def digest(values):
    return [str(values.dtype), list(values.shape), hashlib.sha256(values.tobytes()).hexdigest()]


def answer(result):
    return [digest(result.as_numpy("probabilities")), digest(result.as_numpy("label")), result.get_response().id]


def error_of(error):
    return ["error", error.status(), error.message()]


def refused(ask):
    try:
        ask()
    except InferenceServerException as error:
        return error_of(error)
    raise SystemExit("expected an error, and there was none")


def digits(server, image=one, name="x", model="digits", datatype="FP32", **options):
    return answer(
        server.infer(model, [tensor(name, image, datatype)], outputs=outputs, request_id="17", **options)
    )


def echo(server, count, **options):
    values = random.random(count, dtype=np.float32)
    return bool(np.array_equal(server.infer("echo", [tensor("x", values)], **options).as_numpy("y"), values))


def at_once(server):
    waiting = []
    for i, image in enumerate(images):
        done = queue.Queue()
        server.async_infer(
            "digits",
            [tensor("x", image[None])],
            lambda result, error, done=done: done.put((result, error)),
            outputs=outputs,
            request_id=str(i),
        )
        waiting.append(done)
    return [answer(result) if error is None else error_of(error) for result, error in (d.get(timeout=60) for d in waiting)]


class Stream:
    """One stream of the client, its pieces in the order in which they came."""

    def __init__(self, server, **options):
        self.server, self.pieces = server, queue.Queue()
        server.start_stream(lambda result, error: self.pieces.put((result, error)), **options)

    def ask(self, model, values, request_id="", **options):
        self.server.async_stream_infer(model, [tensor("x", values)], request_id=request_id, **options)

    def next(self):
        result, error = self.pieces.get(timeout=60)
        if error is not None:
            return error_of(error)
        said = result.get_response()
        final = said.parameters["triton_final_response"].bool_param if "triton_final_response" in said.parameters else None
        return [said.id, [digest(result.as_numpy(output.name)) for output in said.outputs], final]

    def end(self, **options):
        self.server.stop_stream(**options)
        rest = []
        while not self.pieces.empty():
            rest.append(self.next())
        return rest


def drip(count, pause_s=0.0):
    return np.array([count, pause_s], dtype=np.float32)


def several_on_a_stream(server):
    stream = Stream(server)
    for i, image in enumerate(images):
        stream.ask("digits", image[None], str(i))
    return [[stream.next() for _ in images], stream.end()]


def decoupled(server):
    stream = Stream(server)
    stream.ask("drip", drip(5), "a", enable_empty_final_response=True)
    first = [stream.next() for _ in range(6)]
    # The same stream goes on behind a request that is done, and behind one that answered nothing at all.
    stream.ask("drip", drip(0), "b", enable_empty_final_response=True)
    stream.ask("drip", drip(2, 0.05), "c", enable_empty_final_response=True)
    return [first, [stream.next() for _ in range(4)], stream.end()]


def error_in_a_stream(server):
    stream = Stream(server)
    stream.ask("nobody", one, "a")
    stream.ask("digits", one[:, :3], "b")
    found = [stream.next(), stream.next()]
    stream.ask("digits", one, "c")
    return [found, stream.next(), stream.end()]


def stream_past_its_time(server):
    before = cancelled_so_far(server)
    stream = Stream(server, stream_timeout=0.5)
    stream.ask("drip", drip(1000, 0.1), "a")
    pieces = [stream.next()]
    while pieces[-1][0] != "error":
        pieces.append(stream.next())
    stream.end()
    _, code, message = pieces[-1]
    # The library words it in two ways, as it happens to notice.
    told = message.removeprefix("Stream removed (").removesuffix(")")
    return [pieces[0], code, told, "the model was told", until(lambda: cancelled_so_far(server) == before + 1)]


def cancelled_so_far(server):
    return int(server.infer("cancelled", [tensor("x", drip(0))]).as_numpy("y")[0])


def until(condition, seconds=20):
    waiting = threading.Event()
    for _ in range(seconds * 20):
        if condition():
            return True
        waiting.wait(0.05)
    return False


def cancelled_stream(server):
    before = cancelled_so_far(server)
    stream = Stream(server)
    stream.ask("drip", drip(1000, 0.05), "a")
    found = [stream.next(), stream.next()]
    stream.end(cancel_requests=True)
    return [found, "the model was told", until(lambda: cancelled_so_far(server) == before + 1)]


def cancelled_request(server):
    done = queue.Queue()
    call = server.async_infer("slow", [tensor("x", drip(20))], lambda result, error: done.put((result, error)))
    call.cancel()
    _, error = done.get(timeout=60)
    return error_of(error)


def typed_and_raw(address):
    """What other clients send: tensors as typed contents, and calls that this library has no name for."""
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="digits", id="17")
        given = request.inputs.add(name="x", datatype="FP32", shape=[1, 64])
        given.contents.fp32_contents.extend(one[0].tolist())
        typed = stub.ModelInfer(request, metadata=(("x-trace", "1"), ("x-trace-bin", b"\x00\xff")))
        request.inputs[0].shape[1] = 63
        health = channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
        return {
            "typed contents": [typed.id, [hashlib.sha256(raw).hexdigest() for raw in typed.raw_output_contents]],
            "typed contents, too many": status_of(lambda: stub.ModelInfer(request)),
            "an empty message": status_of(lambda: stub.ModelInfer(service_pb2.ModelInferRequest())),
            "no such call": status_of(lambda: channel.unary_unary("/inference.GRPCInferenceService/Nothing")(b"")),
            "no such service": status_of(lambda: channel.unary_unary("/some.Other/Call")(b"x")),
            "no message at all": status_of(
                lambda: channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(b"\xff\xff")
            ),
            "health": health.hex(),
            "a compressed message": [
                stub.ModelInfer(typed_request(), compression=algorithm).id
                for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate)
            ],
            "its metadata": metadata_of(stub),
        }


def typed_request():
    request = service_pb2.ModelInferRequest(model_name="digits", id="17")
    request.inputs.add(name="x", datatype="FP32", shape=[1, 64]).contents.fp32_contents.extend(one[0].tolist())
    return request


def metadata_of(stub):
    _, call = stub.ModelInfer.with_call(typed_request())
    return [sorted(map(list, call.initial_metadata())), sorted(map(list, call.trailing_metadata())), call.code().name]


def status_of(ask):
    try:
        ask()
    except grpc.RpcError as error:
        return [error.code().name, error.details(), sorted(map(list, error.trailing_metadata() or ()))]
    raise SystemExit("expected an error, and there was none")


async def asyncio_client(address):
    async with client_aio.InferenceServerClient(address) as server:
        results = await asyncio.gather(
            *(server.infer("digits", [tensor("x", image[None])], outputs=outputs) for image in images)
        )

        async def asked():
            for i in range(3):
                yield {"model_name": "drip", "inputs": [tensor("x", drip(2))], "request_id": str(i)}

        streamed = []
        async for result, error in server.stream_infer(asked()):
            streamed.append(error_of(error) if error else [result.get_response().id, digest(result.as_numpy("y"))])
            if len(streamed) == 6:
                break
        return [[answer(result) for result in results], sorted(streamed)]


def counted(statistics):
    """What of statistics does not grow with time and requests."""
    return [[it["name"], it["version"], sorted(it)] for it in statistics["model_stats"]]


def every_case(address):
    with client.InferenceServerClient(address) as server:
        found = {
            "live": server.is_server_live(),
            "ready": server.is_server_ready(),
            "model ready": server.is_model_ready("digits"),
            "no model ready": server.is_model_ready("nobody"),
            "another version ready": server.is_model_ready("digits", "7"),
            "server metadata": server.get_server_metadata(as_json=True),
            "model metadata": server.get_model_metadata("digits", as_json=True),
            "no model's metadata": refused(lambda: server.get_model_metadata("nobody")),
            "model config": server.get_model_config("digits", as_json=True),
            "repository index": server.get_model_repository_index(as_json=True),
            "log settings": server.get_log_settings(as_json=True),
            "infer": digits(server),
            "a batch": digits(server, images),
            "with metadata": digits(server, headers={"x-trace": "1"}),
            "gzip": digits(server, compression_algorithm="gzip"),
            "deflate": digits(server, compression_algorithm="deflate"),
            "8 MB": echo(server, 2_000_000),
            "8 MB, compressed": echo(server, 2_000_000, compression_algorithm="gzip"),
            "40 MB": echo(server, 10_000_000),
            "32 at once": at_once(server),
            "statistics": counted(server.get_inference_statistics("digits", as_json=True)),
            "within its time": digits(server, client_timeout=30),
            "past its time": refused(
                lambda: server.infer("slow", [tensor("x", drip(5))], client_timeout=0.3)
            ),
            "unknown model": refused(lambda: digits(server, model="nobody")),
            "unknown version": refused(lambda: digits(server, model_version="7")),
            "unknown input": refused(lambda: digits(server, name="z")),
            "wrong shape": refused(lambda: digits(server, one[:, :3])),
            "wrong datatype": refused(lambda: digits(server, one.astype(np.int32), datatype="INT32")),
            "decoupled without a stream": refused(lambda: server.infer("drip", [tensor("x", drip(2))])),
            "an error of the model": refused(lambda: server.infer("slow", [tensor("x", drip(-1))])),
            "several on a stream": several_on_a_stream(server),
            "a decoupled model": decoupled(server),
            "an error in a stream": error_in_a_stream(server),
            "a stream past its time": stream_past_its_time(server),
            "a cancelled stream": cancelled_stream(server),
            "a cancelled request": cancelled_request(server),
            **typed_and_raw(address),
        }
    found["asyncio"] = asyncio.run(asyncio_client(address))
    print(json.dumps(found, sort_keys=True))


def watch(address):
    with client.InferenceServerClient(address) as server:
        stream = Stream(server)
        stream.ask("drip", drip(1000, 0.02), "a", enable_empty_final_response=True)
        while True:
            piece = stream.next()
            print(json.dumps(piece), flush=True)
            if piece[0] == "error" or piece[-1]:
                return


(watch if sys.argv[2:] == ["watch"] else every_case)(sys.argv[1])
