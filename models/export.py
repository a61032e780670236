#!/usr/bin/python3
"""Writes a checkpoint of train.py as a GGUF file that the runtime loads.

Every matrix is quantized once, by the same function as in training; the embedding, which
is also the output head, is rounded to f16.
"""

import argparse

import numpy as np
import torch

import bpe
import gguf_file as gguf
from model import EPS, Shape, absmean_ternary

ARCHITECTURE = "bitnet-b1.58"
NORMAL, CONTROL = 1, 3  # token types


def put_metadata(out, shape, context, tokenizer):
    def count(key, n):
        out.put(f"{ARCHITECTURE}.{key}", gguf.U32, n)

    out.put("general.architecture", gguf.STRING, ARCHITECTURE)
    out.put("general.name", gguf.STRING, "tern-small")
    out.put("general.description", gguf.STRING,
            "A toy language model with ternary weights, trained on six novels of Jane Austen and on Moby-Dick.")
    out.put("general.license", gguf.STRING, "apache-2.0")
    out.put_array("general.languages", gguf.STRING, ["en"])
    count("vocab_size", shape.vocabulary)
    count("context_length", context)
    count("embedding_length", shape.width)
    count("block_count", shape.layers)
    count("feed_forward_length", shape.ffn)
    count("rope.dimension_count", shape.head_size)
    count("attention.head_count", shape.heads)
    count("attention.head_count_kv", shape.kv_heads)
    out.put(f"{ARCHITECTURE}.attention.layer_norm_rms_epsilon", gguf.F32_VALUE, EPS)
    out.put(f"{ARCHITECTURE}.rope.freq_base", gguf.F32_VALUE, shape.rope_base)
    out.put("general.file_type", gguf.U32, 40)
    out.put("tokenizer.ggml.model", gguf.STRING, "gpt2")
    out.put("tokenizer.ggml.pre", gguf.STRING, "llama-bpe")
    n = len(tokenizer.tokens)
    out.put_array("tokenizer.ggml.tokens", gguf.STRING, tokenizer.tokens)
    out.put_array("tokenizer.ggml.scores", gguf.F32_VALUE, [0.0] * n)
    out.put_array("tokenizer.ggml.token_type", gguf.I32,
                  [NORMAL if i < tokenizer.ordinary else CONTROL for i in range(n)])
    out.put_array("tokenizer.ggml.merges", gguf.STRING, [f"{a} {b}" for a, b in tokenizer.merges])
    out.put("tokenizer.ggml.bos_token_id", gguf.U32, tokenizer.bos)
    out.put("tokenizer.ggml.eos_token_id", gguf.U32, tokenizer.eos)
    out.put("tokenizer.ggml.add_bos_token", gguf.BOOL, True)
    out.put("general.quantization_version", gguf.U32, 2)


def put_tensors(out, shape, parameters):
    def norm(name, tensor):
        out.tensor(name + ".weight", tensor.shape, gguf.F32, tensor.float().numpy().tobytes())

    def ternary(name, tensor):
        digits, mean = absmean_ternary(tensor)
        if not digits.any():
            raise SystemExit(f"{name}: all weights are zero")
        packed = gguf.pack_i2_s(digits.numpy().astype(np.int8), mean.item())
        out.tensor(name + ".weight", tensor.shape, gguf.I2_S, packed)

    table = parameters["embedding"]
    out.tensor("token_embd.weight", table.shape, gguf.F16, table.to(torch.float16).numpy().tobytes())
    for i in range(shape.layers):
        block, name = (lambda p: parameters[f"blocks.{i}.{p}"]), f"blk.{i}."
        q, k, v = block("qkv").split([shape.q_rows, shape.kv_rows, shape.kv_rows])
        gate, up = block("gate_up").split(shape.ffn)
        norm(name + "attn_norm", block("attn_norm"))
        ternary(name + "ffn_down", block("ffn_down"))
        norm(name + "ffn_sub_norm", block("ffn_sub_norm"))
        ternary(name + "ffn_gate", gate)
        ternary(name + "ffn_up", up)
        norm(name + "ffn_norm", block("ffn_norm"))
        norm(name + "attn_sub_norm", block("attn_sub_norm"))
        ternary(name + "attn_k", k)
        ternary(name + "attn_output", block("attn_output"))
        ternary(name + "attn_q", q)
        ternary(name + "attn_v", v)
    norm("output_norm", parameters["output_norm"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("gguf")
    parser.add_argument("--context", type=int, default=512)
    options = parser.parse_args()
    saved = torch.load(options.checkpoint)
    shape = Shape(**saved["shape"])
    out = gguf.Writer()
    put_metadata(out, shape, options.context, bpe.Tokenizer(saved["merges"]))
    put_tensors(out, shape, saved["state"]["parameters"])
    out.write(options.gguf)
    print(f"{options.gguf}: step {saved['step']}")


if __name__ == "__main__":
    main()
