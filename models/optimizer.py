"""Muon for the ternary matrices, Adam for the rest.

Muon takes the momentum of a matrix and replaces it by the nearest orthogonal matrix
(all singular values about 1), found by a few Newton-Schulz iterations, which are nothing
but matrix products.  Each direction of the matrix then moves at the same pace, and far
fewer tokens are needed than with Adam.  The row blocks of a stored matrix (q, k, v) are
orthogonalised one by one.

Both keep their state in shared memory, because the update of one matrix is a job for
whichever process is free (train.py).
"""

import torch

from model import BF16, shared


def orthogonalised(matrix):
    a, b, c = 3.4445, -4.7750, 2.0315  # a quintic that pushes singular values towards 1
    x = matrix.to(BF16)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.t() if tall else x).float()


class Muon:
    def __init__(self, weights, momentum=0.95):
        self.weights, self.momentum = weights, momentum
        self.state = {"momentum": shared(*weights.parameter.shape)}

    @torch.no_grad()
    def update(self, gradient, rate, decay, step):
        parameter, average = self.weights.parameter, self.state["momentum"]
        average.lerp_(gradient, 1 - self.momentum)
        direction = gradient.lerp(average, self.momentum)  # Nesterov
        parameter.mul_(1 - rate * decay)
        for rows in self.weights.spans():
            block = orthogonalised(direction[rows])
            height, width = block.shape
            parameter[rows].add_(block, alpha=-rate * max(1.0, height / width) ** 0.5)
        self.weights.refresh()


class Adam:
    def __init__(self, parameters, betas=(0.9, 0.95), relative_rate=1.0, after=None):
        """`relative_rate`: its learning rate, in units of that of Muon."""
        self.parameters, self.betas, self.relative_rate = parameters, betas, relative_rate
        self.after = after
        self.state = {
            f"{moment}.{i}": shared(*p.shape) for i, p in enumerate(parameters) for moment in ("m", "v")
        }

    @torch.no_grad()
    def update(self, gradients, rate, decay, step):
        for i, (p, g) in enumerate(zip(self.parameters, gradients)):
            m, v = self.state[f"m.{i}"], self.state[f"v.{i}"]
            m.lerp_(g, 1 - self.betas[0])
            v.mul_(self.betas[1]).addcmul_(g, g, value=1 - self.betas[1])
            bias = (1 - self.betas[1] ** step) ** 0.5 / (1 - self.betas[0] ** step)
            p.addcdiv_(m, v.sqrt().add_(1e-10), value=-rate * self.relative_rate * bias)
        if self.after:
            self.after()
