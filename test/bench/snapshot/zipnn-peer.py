"""zipnn over a folder, for the bench: compression alone, nothing is chunked, encrypted or kept between versions.

    zipnn-peer.py compress FOLDER TARGET
    zipnn-peer.py decompress FOLDER TARGET

Files of safetensors go through zipnn by the dtype that most of their bytes have, their header beside it; other files are
copied. Prints the seconds, and the CPU seconds, without the import of its library, which takes longer than small models.
"""

import json
import os
import pathlib
import struct
import sys
import time

from zipnn import ZipNN

DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
THREADS = os.cpu_count() or 1


def header_of(data: bytes) -> tuple[int, str | None]:
    """Where the tensors begin, and zipnn's name of the dtype that most of them have."""
    if len(data) < 8 or data[8:9] != b"{":
        return 0, None
    (length,) = struct.unpack("<Q", data[:8])
    tensors = json.loads(data[8 : 8 + length])
    shares: dict[str, int] = {}
    for name, tensor in tensors.items():
        if name != "__metadata__":
            start, end = tensor["data_offsets"]
            shares[tensor["dtype"]] = shares.get(tensor["dtype"], 0) + end - start
    return 8 + length, DTYPES.get(max(shares, key=shares.__getitem__)) if shares else None


def compress(data: bytes, name: str) -> dict[str, bytes]:
    start, dtype = header_of(data) if name.endswith(".safetensors") else (0, None)
    if dtype is None:
        return {name: data}
    packed = ZipNN(bytearray_dtype=dtype, threads=THREADS).compress(bytearray(data[start:]))
    return {f"{name}.{dtype}.znn": packed, f"{name}.header": data[:start]}


def main() -> None:
    verb, folder, target = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    started, cpu = time.monotonic(), time.process_time()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if verb == "compress":
            parts = compress(path.read_bytes(), name)
        elif name.endswith(".header"):
            continue
        elif name.endswith(".znn"):
            original, dtype, _ = name.rsplit(".", 2)
            plain = ZipNN(bytearray_dtype=dtype, threads=THREADS).decompress(path.read_bytes())
            parts = {original: (folder / f"{original}.header").read_bytes() + bytes(plain)}
        else:
            parts = {name: path.read_bytes()}
        for part, data in parts.items():
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            with open(target / part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    print(json.dumps({"seconds": time.monotonic() - started, "cpuSeconds": time.process_time() - cpu}))


main()
