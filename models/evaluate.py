#!/usr/bin/python3
"""Perplexity of a text, or log-probabilities of given token ids, under a GGUF model.

Perplexity: the text becomes tokens as a whole, without BOS, and these are cut into runs
of C - 1 tokens (the last may be shorter).  Each run is a sequence of its own: BOS is put
before it, and every token of the run is scored given BOS and what precedes it in the run.
So each token of the text counts exactly once.  C is the model's context length unless
--context says otherwise.
"""

import argparse
import json
import math
import pathlib
import re

import numpy as np

from reference import Model, log_softmax


def score_text(model, text, context):
    ids = model.tokenizer.encode(text)
    runs = [ids[i : i + context - 1] for i in range(0, len(ids), context - 1)]
    total, at = 0.0, 0
    while at < len(runs):
        some = [r for r in runs[at : at + 8] if len(r) == len(runs[at])]
        at += len(some)
        targets = np.array(some)
        inputs = np.insert(targets[:, :-1], 0, model.tokenizer.bos, axis=1)
        scores = log_softmax(model.logits(inputs))
        total -= np.take_along_axis(scores, targets[..., None], axis=2).sum()
    return {
        "tokens": len(ids),
        "characters": len(text),
        "context": context,
        "nats_per_token": total / len(ids),
        "perplexity": math.exp(total / len(ids)),
        "bits_per_character": total / math.log(2) / len(text),
    }


def score_ids(model, ids):
    scores = log_softmax(model.logits([ids])[0])
    return {"tokens": ids, "logprobs": [scores[i, ids[i + 1]] for i in range(len(ids) - 1)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", default=str(pathlib.Path(__file__).with_name("tern-small.gguf")))
    parser.add_argument("--text", help="file to score")
    parser.add_argument("--ids", help="file of token ids, separated by commas or white space")
    parser.add_argument("--context", type=int)
    options = parser.parse_args()
    if not options.text and not options.ids:
        parser.error("give --text or --ids")
    model = Model(options.model)
    if options.text:
        with open(options.text, encoding="utf-8", newline="") as f:
            result = score_text(model, f.read(), options.context or model.context)
    else:
        with open(options.ids) as f:
            result = score_ids(model, [int(i) for i in re.split(r"[,\s]+", f.read().strip())])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
