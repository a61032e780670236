"""The forward pass of `bitnet-b1.58`, in numpy, from a GGUF file and nothing else.

This is the definition that other implementations are measured against: activations
scaled by s = 127 / max(max|x|, 1e-5), rounded half to even; exact integer dot products;
y = sum / s * weight scale; norms summed in f64; attention and its cache in f32.
"""

import numpy as np

import bpe
import gguf_file as gguf

F = np.float32


def rms_norm(x, gain, eps):
    mean = np.mean(np.square(x, dtype=np.float64), axis=-1, keepdims=True)
    return (x * (1.0 / np.sqrt(mean + eps)).astype(F)) * gain


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


class Linear:
    def __init__(self, tensor):
        ternary, scale = tensor
        # |sum| <= 127 * columns < 2^24: an f32 product of these integers is exact.
        self.matrix, self.scale = np.ascontiguousarray(ternary.T.astype(F)), F(scale)

    def __call__(self, x):
        s = F(127) / np.maximum(np.abs(x).max(axis=-1, keepdims=True), F(1e-5))
        integers = np.clip(np.rint(x * s), -128, 127)
        return (integers @ self.matrix) / s * self.scale


class Model:
    def __init__(self, path):
        file = gguf.Reader(path)
        keys = file.keys
        if keys["general.architecture"] != "bitnet-b1.58":
            raise ValueError(f"{path}: architecture {keys['general.architecture']}")

        def key(name):
            return keys["bitnet-b1.58." + name]

        self.context = key("context_length")
        self.heads, self.kv_heads = key("attention.head_count"), key("attention.head_count_kv")
        self.head_size = key("embedding_length") // self.heads
        self.eps = key("attention.layer_norm_rms_epsilon")
        self.rope_base = key("rope.freq_base")
        t = file.tensors
        self.table = t["token_embd.weight"].astype(F)
        self.output_norm = t["output_norm.weight"]
        self.layers = []
        for i in range(key("block_count")):
            names = ("attn_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm")
            layer = {n: t[f"blk.{i}.{n}.weight"] for n in names}
            for n in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
                layer[n] = Linear(t[f"blk.{i}.{n}.weight"])
            self.layers.append(layer)
        merges = [tuple(m.split(" ")) for m in keys["tokenizer.ggml.merges"]]
        tokens = keys["tokenizer.ggml.tokens"]
        self.tokenizer = bpe.Tokenizer(merges, tokens[256 + len(merges) :])
        if self.tokenizer.tokens != tokens:
            raise ValueError(f"{path}: the tokens are not those that the merges make")
        self.tokenizer.bos = keys["tokenizer.ggml.bos_token_id"]
        self.tokenizer.eos = keys["tokenizer.ggml.eos_token_id"]

    def rope(self, x, first):
        """x: [batch, position, head, head_size]; rotates pairs (i, i + head_size / 2)."""
        half = self.head_size // 2
        inverse = self.rope_base ** (-np.arange(half) / half)
        angle = (first + np.arange(x.shape[1]))[:, None, None] * inverse
        cos, sin = np.cos(angle).astype(F), np.sin(angle).astype(F)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)

    def attention(self, layer, x, cache):
        batch, length, _ = x.shape
        first = cache["k"].shape[1] if cache else 0
        q = self.rope(layer["attn_q"](x).reshape(batch, length, self.heads, -1), first)
        k = self.rope(layer["attn_k"](x).reshape(batch, length, self.kv_heads, -1), first)
        v = layer["attn_v"](x).reshape(batch, length, self.kv_heads, -1)
        if cache is not None:
            if cache:
                k, v = np.concatenate([cache["k"], k], 1), np.concatenate([cache["v"], v], 1)
            cache.update(k=k, v=v)
        total, group = first + length, self.heads // self.kv_heads
        k, v = (np.repeat(y, group, axis=2).transpose(0, 2, 1, 3) for y in (k, v))
        scores = q.transpose(0, 2, 1, 3) @ k.transpose(0, 1, 3, 2) / F(np.sqrt(self.head_size))
        ahead = np.arange(total)[None, :] > first + np.arange(length)[:, None]
        scores[..., ahead] = -np.inf
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return (scores @ v).transpose(0, 2, 1, 3).reshape(batch, length, -1)

    def logits(self, ids, caches=None):
        """ids: [batch, position].  `caches`, a list with one dictionary a layer, is for
        going on with a sequence: what it holds precedes `ids`."""
        h = self.table[np.asarray(ids)]
        for i, layer in enumerate(self.layers):
            x = rms_norm(h, layer["attn_norm"], self.eps)
            a = self.attention(layer, x, None if caches is None else caches[i])
            h = h + layer["attn_output"](rms_norm(a, layer["attn_sub_norm"], self.eps))
            x = rms_norm(h, layer["ffn_norm"], self.eps)
            a = np.square(np.maximum(layer["ffn_gate"](x), 0)) * layer["ffn_up"](x)
            h = h + layer["ffn_down"](rms_norm(a, layer["ffn_sub_norm"], self.eps))
        return rms_norm(h, self.output_norm, self.eps) @ self.table.T
