#!/usr/bin/python3
"""Writes text with a GGUF model, using the numpy forward pass of reference.py."""

import argparse
import pathlib

import numpy as np

from reference import Model, log_softmax


def generate(model, prompt, count, temperature, seed):
    random = np.random.default_rng(seed)
    caches = [{} for _ in model.layers]
    ids, made = [model.tokenizer.bos, *model.tokenizer.encode(prompt)], []
    for _ in range(count):
        logits = model.logits([ids], caches)[0, -1]
        if temperature == 0:
            token = int(logits.argmax())
        else:
            token = int(random.choice(len(logits), p=np.exp(log_softmax(logits / temperature))))
        if token == model.tokenizer.eos:
            break
        made.append(token)
        ids = [token]
    return prompt + model.tokenizer.decode(made)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default=str(pathlib.Path(__file__).with_name("tern-small.gguf")))
    parser.add_argument("-p", "--prompt", default="It was")
    parser.add_argument("-n", type=int, default=64, help="tokens to write")
    parser.add_argument("--temp", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(generate(Model(options.model), options.prompt, options.n, options.temp, options.seed))


if __name__ == "__main__":
    main()
