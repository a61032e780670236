"""Just enough of the GGUF container, to write one model file and to read it back."""

import os
import struct

import numpy as np

ALIGNMENT = 32
U32, I32, F32_VALUE, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
F32, F16, I2_S = 0, 1, 36


# ---- I2_S: 128 weights in 32 bytes ----------------------------------------------------

def pack_i2_s(ternary, scale):
    """Codes 0, 1, 2 for -1, 0, +1.  Byte p of a block of 128 weights holds weights p,
    p+32, p+64 and p+96, the first in its highest bits.  The scale of the tensor follows
    the codes, in a tail of 32 bytes."""
    groups = (ternary.reshape(-1, 4, 32) + 1).astype(np.uint8)
    codes = groups[:, 0] << 6 | groups[:, 1] << 4 | groups[:, 2] << 2 | groups[:, 3]
    return codes.tobytes() + struct.pack("<f", scale) + bytes(28)


def unpack_i2_s(data, rows, columns):
    size = rows * columns // 4
    codes = np.frombuffer(data, np.uint8, size).reshape(-1, 1, 32)
    groups = codes >> np.array([6, 4, 2, 0], np.uint8).reshape(1, 4, 1) & 3
    if groups.max() > 2:
        raise ValueError("code 3 in an I2_S tensor")
    (scale,) = struct.unpack_from("<f", data, size)
    return groups.astype(np.int8).reshape(rows, columns) - 1, scale


# ---- writing --------------------------------------------------------------------------

def text(value):
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def value(kind, v):
    return text(v) if kind == STRING else struct.pack(SCALARS[kind], v)


class Writer:
    def __init__(self):
        self.pairs, self.tensors = [], []

    def put(self, key, kind, v):
        self.pairs.append(text(key) + struct.pack("<I", kind) + value(kind, v))

    def put_array(self, key, kind, items):
        head = struct.pack("<IIQ", ARRAY, kind, len(items))
        self.pairs.append(text(key) + head + b"".join(value(kind, v) for v in items))

    def tensor(self, name, shape, kind, data):
        """`shape` as in numpy: rows first."""
        self.tensors.append((name, shape, kind, data))

    def write(self, path):
        out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.pairs)))
        for pair in self.pairs:
            out += pair
        offset = 0
        for name, shape, kind, data in self.tensors:
            out += text(name) + struct.pack("<I", len(shape))
            out += struct.pack(f"<{len(shape)}Q", *reversed(shape))
            out += struct.pack("<IQ", kind, offset)
            offset += len(data) + -len(data) % ALIGNMENT
        out += bytes(-len(out) % ALIGNMENT)
        for _, _, _, data in self.tensors:
            out += data + bytes(-len(data) % ALIGNMENT)
        with open(path + ".new", "wb") as f:
            f.write(out)
        os.replace(path + ".new", path)


# ---- reading --------------------------------------------------------------------------

class Reader:
    """`keys` is a dictionary; `tensors` maps names to arrays, or to (ternary, scale)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        self.at = 0
        if self.data[:4] != b"GGUF":
            raise ValueError(f"{path} is not a GGUF file")
        self.at = 4
        version, tensor_count, pair_count = self.take("<I"), self.take("<Q"), self.take("<Q")
        if version not in (2, 3):
            raise ValueError(f"{path}: GGUF version {version}")
        self.keys = {}
        for _ in range(pair_count):
            key = self.string()
            self.keys[key] = self.value(self.take("<I"))
        infos = []
        for _ in range(tensor_count):
            name = self.string()
            shape = [self.take("<Q") for _ in range(self.take("<I"))]
            infos.append((name, shape[::-1], self.take("<I"), self.take("<Q")))
        alignment = self.keys.get("general.alignment", ALIGNMENT)
        start = self.at + -self.at % alignment
        self.tensors = {n: self.tensor(s, k, start + offset) for n, s, k, offset in infos}

    def take(self, form):
        (v,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return v

    def string(self):
        size = self.take("<Q")
        self.at += size
        return self.data[self.at - size : self.at].decode("utf-8")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            kind, count = self.take("<I"), self.take("<Q")
            return [self.value(kind) for _ in range(count)]
        return self.take(SCALARS[kind])

    def tensor(self, shape, kind, at):
        if kind == I2_S:
            return unpack_i2_s(self.data[at:], *shape)
        dtype = {F32: np.float32, F16: np.float16}[kind]
        return np.frombuffer(self.data, dtype, int(np.prod(shape)), at).reshape(shape)
