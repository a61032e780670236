#!/usr/bin/python3
"""Trains the model in the box.  See README.md for the command that made it.

A training step is a list of jobs: micro-batches first, then the update of each matrix.
The main process does them one after the other; with --helper a second process takes jobs
from the same list, but only as long as it would finish one sooner than the main process
finishes all that are left.  So a helper that gets little of a busy CPU does not hold up
the step.

Everything random is a function of the seed and the step, so that a run which resumes
from its checkpoint sees the same data and the same learning rate as one that was never
stopped.
"""

import argparse
import json
import math
import multiprocessing
import os
import time

# Waiting threads must not spin, and malloc should keep the big blocks it has.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

import bpe
import corpus
from model import Model, Shape, shared
from optimizer import Adam, Muon

GOLDEN = (5**0.5 - 1) / 2


# ---- data -----------------------------------------------------------------------------

class Data:
    """The token stream, and where its sentences begin."""

    def __init__(self, tokenizer, books):
        def stream(parts):
            return torch.tensor(tokenizer.encode("".join(parts)))

        self.bos = tokenizer.bos
        self.train = stream([corpus.as_text(b.training) for b in books])
        held_out = [corpus.as_text(b.held_out) for b in books]
        self.held_out = stream(held_out)
        self.held_out_characters = sum(map(len, held_out))
        ends = torch.tensor([t.endswith((".", "!", "?", '"', "\u010a")) and len(t) < 8 for t in tokenizer.tokens])
        starts = torch.cat([torch.tensor([True]), ends[self.train[:-1]]])
        # next_start[i]: the first position >= i at which a sentence or paragraph begins
        index = torch.where(starts, torch.arange(len(starts)), len(starts))
        self.next_start = index.flip(0).cummin(0).values.flip(0)

    def windows(self, step, count, length, seed):
        """Inputs and targets of a step.

        The windows lie on a comb of `count` equal teeth over the whole text, which moves
        on by the golden ratio of a tooth each step: all parts are seen equally often.
        Every other window is moved on to where a sentence begins.
        """
        usable = len(self.train) - 2 * length - 1
        phase = (step * GOLDEN + seed * 0.1234567) % 1.0
        starts = ((torch.arange(count, dtype=torch.float64) + phase) * (usable / count)).long()
        snapped = torch.minimum(self.next_start[starts], starts + length)
        starts = torch.where((torch.arange(count) + step) % 2 == 0, snapped, starts)
        targets = self.train[starts[:, None] + torch.arange(length)]
        return self.with_bos(targets), targets

    def with_bos(self, targets):
        """What precedes each target: the window begins with BOS."""
        return torch.cat([torch.full((len(targets), 1), self.bos), targets[:, :-1]], 1)


# ---- a step as a list of jobs ---------------------------------------------------------

class Trainer:
    def __init__(self, options, data, model):
        self.options, self.data, self.model = options, data, model
        members = 2 if options.helper else 1
        self.gradients = [
            {name: shared(*p.shape) for name, p in model.parameters().items()} for _ in range(members)
        ]
        self.losses = shared(members, dtype=torch.float64)
        gains = [n for n, p in model.parameters().items() if p.dim() == 1]
        self.updates = []  # (names of parameters, optimizer), the longest first
        for kind in ("gate_up", "ffn_down", "qkv", "attn_output"):
            for i, layer in enumerate(model.ternary):
                self.updates.append(([f"blocks.{i}.{kind}"], Muon(layer[kind])))
        adam = dict(relative_rate=options.adam_rate / options.rate)
        self.updates.append((["embedding"], Adam([model.embedding], after=model.refresh_table, **adam)))
        self.updates.append((gains, Adam([model.parameters()[n] for n in gains], **adam)))
        self.context = 0
        self.lock = multiprocessing.Lock()
        self.next_job = multiprocessing.Value("i", 0, lock=False)
        self.pace = shared(members)  # seconds a micro-batch took
        self.begin, self.done = multiprocessing.Semaphore(0), multiprocessing.Semaphore(0)
        self.order = shared(2, dtype=torch.int64)  # for the helper: step, phase
        if options.helper:
            multiprocessing.get_context("fork").Process(target=self.help, daemon=True).start()

    def schedule(self, step):
        """(learning rate, context) of a step."""
        o = self.options
        progress = step / o.steps
        rate = min(1.0, (step + 1) / o.warmup, (1 - progress) / (1 - o.decay_from))
        context = next(c for c, until in o.contexts if progress < until)
        return o.rate * rate, context

    def jobs(self, step, phase):
        o = self.options
        if phase == 1:
            return len(self.updates)
        return o.batch // o.micro_batch

    def run_job(self, member, step, phase, job):
        o = self.options
        rate, context = self.schedule(step)
        if phase == 1:
            names, optimizer = self.updates[job]
            total = [sum(g[name] for g in self.gradients) for name in names]
            for g in self.gradients:
                for name in names:
                    g[name].zero_()
            optimizer.update(total if isinstance(optimizer, Adam) else total[0], rate, o.weight_decay, step + 1)
            return
        if context != self.context:
            self.context = context
            self.model.set_context(context)
        inputs, targets = self.data.windows(step, o.batch // context, context, o.seed)
        each = o.micro_batch // context
        mine = slice(job * each, (job + 1) * each)
        torch.manual_seed(o.seed * 10**9 + step * 1000 + job)  # of the dropout
        loss = self.model.loss(inputs[mine], targets[mine], 1.0 / o.batch, o.dropout)
        loss.backward()
        self.losses[member] += loss.item()

    def work(self, member, step, phase):
        for name, p in self.model.parameters().items():
            p.grad = self.gradients[member][name]
        count = self.jobs(step, phase)
        while True:
            with self.lock:
                left = count - self.next_job.value
                if left <= 0 or (member and self.pace[member] > 1.2 * left * self.pace[0]):
                    break
                job = self.next_job.value
                self.next_job.value += 1
            start = time.time()
            self.run_job(member, step, phase, job)
            if phase == 0:
                self.pace[member] = time.time() - start
        if member and phase == 0:  # forget a bad time by and by, so that the helper tries again
            self.pace[member] *= 0.9

    def help(self):
        os.nice(5)
        torch.set_num_threads(1)
        parent = os.getppid()
        while True:
            while not self.begin.acquire(timeout=10):
                if os.getppid() != parent:
                    return
            step, phase = self.order.tolist()
            self.work(1, step, phase)
            self.done.release()

    def step(self, step):
        self.losses.zero_()
        for phase in (0, 1):
            self.next_job.value = 0
            if self.options.helper:
                self.order[0], self.order[1] = step, phase
                self.begin.release()
            self.work(0, step, phase)
            if self.options.helper:
                self.done.acquire()
        return self.losses.sum().item()

    # ---- measuring and keeping ----

    def held_out_loss(self, context=256):
        """Mean nats a token over the held-out text, in whole windows."""
        data, total = self.data, 0.0
        self.model.set_context(context)
        self.context = context
        whole = len(data.held_out) // context
        targets = data.held_out[: whole * context].view(whole, context)
        scratch = torch.zeros_like(self.model.embedding)
        kept, self.model.embedding.grad = self.model.embedding.grad, scratch
        with torch.no_grad():
            for part in targets.split(4):
                total += self.model.loss(data.with_bos(part), part, 1.0).item()
        self.model.embedding.grad = kept
        return total / targets.numel()

    def state(self):
        return {
            "parameters": {n: p.detach() for n, p in self.model.parameters().items()},
            "optimizers": [optimizer.state for _, optimizer in self.updates],
        }

    def restore(self, state):
        with torch.no_grad():
            for name, p in self.model.parameters().items():
                p.copy_(state["parameters"][name])
            for (_, optimizer), saved in zip(self.updates, state["optimizers"]):
                for name, tensor in optimizer.state.items():
                    tensor.copy_(saved[name])


def save(path, content):
    torch.save(content, path + ".new")
    os.replace(path + ".new", path)


def parse_contexts(text):
    """"128:0.4,256:1" is: 128 tokens until 40 % of the steps, then 256."""
    pairs = [p.split(":") for p in text.split(",")]
    return [(int(c), float(until)) for c, until in pairs]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="run", help="folder for checkpoint and log; resumes if it has one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--stop-at", type=int, help="end the run at this step, as if interrupted")
    parser.add_argument("--batch", type=int, default=8192, help="tokens a step")
    parser.add_argument("--micro-batch", type=int, default=1024, help="tokens a job")
    parser.add_argument("--contexts", type=parse_contexts, default="128:0.35,256:0.8,512:1")
    parser.add_argument("--rate", type=float, default=0.02, help="of Muon")
    parser.add_argument("--adam-rate", type=float, default=0.003)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--decay-from", type=float, default=0.35, help="fraction of steps")
    parser.add_argument("--vocabulary", type=int, default=Shape.vocabulary)
    parser.add_argument("--layers", type=int, default=Shape.layers)
    parser.add_argument("--helper", action="store_true", help="a second process shares the work")
    parser.add_argument("--measure-every", type=int, default=100, help="steps")
    parser.add_argument("--milestones", action="store_true", help="keep a checkpoint at each measurement")
    parser.add_argument("--save-every", type=float, default=180, help="seconds")
    options = parser.parse_args()

    torch.set_num_threads(1)
    os.makedirs(options.out, exist_ok=True)
    books = corpus.load_books()
    path = os.path.join(options.out, "checkpoint.pt")
    saved = torch.load(path) if os.path.exists(path) else None
    if saved:
        tokenizer = bpe.Tokenizer(saved["merges"])
        shape = Shape(**saved["shape"])
    else:
        text = "".join(corpus.as_text(b.training) for b in books)
        tokenizer = bpe.Tokenizer.train(text, options.vocabulary)
        shape = Shape(vocabulary=options.vocabulary, layers=options.layers)
    data = Data(tokenizer, books)
    model = Model(shape, options.seed)
    trainer = Trainer(options, data, model)
    first, seconds = 0, 0.0
    if saved:
        trainer.restore(saved["state"])
        first, seconds = saved["step"], saved["seconds"]
    model.refresh()

    log = open(os.path.join(options.out, "log.jsonl"), "a")

    def note(**fields):
        line = json.dumps(fields)
        print(line, flush=True)
        print(line, file=log, flush=True)

    def keep(step, name="checkpoint.pt"):
        save(os.path.join(options.out, name), {
            "step": step, "seconds": seconds, "merges": tokenizer.merges, "shape": shape.as_dict(),
            "options": {k: v for k, v in vars(options).items()}, "state": trainer.state(),
        })

    def measure(step):
        loss = trainer.held_out_loss()
        per_character = loss * len(data.held_out) / data.held_out_characters / math.log(2)
        note(step=step, held_out_nats=round(loss, 4), bits_per_character=round(per_character, 4))

    note(start=first, options=vars(options), train_tokens=len(data.train), held_out_tokens=len(data.held_out),
         held_out_characters=data.held_out_characters,
         parameters=sum(p.numel() for p in model.parameters().values()))
    last_saved = clock = time.time()
    mean, noted_at, noted_clock = None, first, clock
    for step in range(first, min(options.steps, options.stop_at or options.steps)):
        loss = trainer.step(step)
        mean = loss if mean is None else mean + 0.05 * (loss - mean)
        now = time.time()
        seconds, clock = seconds + now - clock, now
        done = step + 1
        if done % 25 == 0:
            note(step=done, loss=round(mean, 4), rate=round(trainer.schedule(step)[0], 5),
                 seconds=round(seconds), per_second=round((done - noted_at) * options.batch / (now - noted_clock)))
            noted_at, noted_clock = done, now
        if done % options.measure_every == 0 or done == options.steps:
            measure(done)
            if options.milestones:
                keep(done, f"checkpoint-{done}.pt")
        if now - last_saved > options.save_every or done == options.steps:
            keep(done)
            last_saved = now
    keep(done)


if __name__ == "__main__":
    main()
