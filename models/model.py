"""The network, as it is trained: BitNet b1.58 with ternary weights and int8 activations.

Every linear layer has the same shape: RMSNorm with a gain, activations rounded to int8
with one scale a token, a matrix of -1, 0 and +1 with one scale a matrix.  Gradients go
straight through both roundings.  `NormBitLinear` does all of it in one autograd function
with its backward pass written by hand, because on a CPU most of the time of a small model
goes to element-wise passes over memory, and autograd would make three times as many.

The integers of both operands are exact in bfloat16, so the matrix products run in bf16
with f32 accumulation; the rounding of their results is the only thing that differs from
what is computed at inference (see evaluate.py).
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F

EPS = 1e-5
BF16 = torch.bfloat16


@dataclass
class Shape:
    vocabulary: int = 3072
    width: int = 384
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    head_size: int = 64
    ffn: int = 1024
    rope_base: float = 10000.0

    @property
    def q_rows(self):
        return self.heads * self.head_size

    @property
    def kv_rows(self):
        return self.kv_heads * self.head_size

    as_dict = asdict


def shared(*size, dtype=torch.float32):
    """Zeros in memory that processes made by fork share."""
    return torch.zeros(*size, dtype=dtype).share_memory_()


def absmean_ternary(weight):
    """The ternary matrix and its scale: w is about scale * ternary."""
    mean = weight.abs().mean().clamp(min=EPS)
    return (weight * (1.0 / mean)).round_().clamp_(-1, 1), mean


class TernaryWeights:
    """Row blocks of one stored matrix (say q, k and v), each with its own scale.

    Quantized once an optimizer step, used by all its micro-batches, which add up the
    gradient in `parameter.grad`.
    """

    def __init__(self, parameter, rows):
        self.parameter, self.rows = parameter, rows
        self.ternary = shared(*parameter.shape, dtype=BF16)
        self.scaled = shared(*parameter.shape, dtype=BF16)
        self.scales = shared(len(rows))

    def refresh(self):
        for i, (rows, weight) in enumerate(zip(self.spans(), self.parameter.detach().split(self.rows))):
            ternary, mean = absmean_ternary(weight)
            self.scales[i] = mean
            self.ternary[rows] = ternary
            self.scaled[rows] = ternary.mul_(mean)

    def spans(self):
        at = 0
        for n in self.rows:
            yield slice(at, at + n)
            at += n


class NormBitLinear(torch.autograd.Function):
    """int8(RMSNorm(x) * gain) times ternary weights; one output a row block."""

    @staticmethod
    def forward(ctx, x, gain, parameter, weights):
        rstd = x.square().mean(1, keepdim=True).add_(EPS).rsqrt_()
        y = x * gain
        largest = y.abs().amax(1, keepdim=True).mul_(rstd)
        step = largest.clamp_(min=EPS).mul_(1.0 / 127.0)  # the value of one integer step
        integers = y.mul_(rstd / step).round_().to(BF16)
        product = integers @ weights.ternary.t()
        outputs = [
            product[:, rows].float().mul_(step * scale)
            for rows, scale in zip(weights.spans(), weights.scales)
        ]
        ctx.save_for_backward(x, gain, rstd, step, integers)
        ctx.weights = weights
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        x, gain, rstd, step, integers = ctx.saved_tensors
        weights = ctx.weights
        grad = torch.empty(x.shape[0], sum(weights.rows), dtype=BF16)
        for rows, g in zip(weights.spans(), grads):
            grad[:, rows] = g * step
        weights.parameter.grad.add_(grad.t() @ integers)
        dy = (grad @ weights.scaled).float().mul_(1.0 / step)
        xhat = x * rstd
        product = dy * xhat
        dgain = product.sum(0)
        along = (product @ gain).mul_(-1.0 / x.shape[1]).unsqueeze_(1)
        dx = dy.mul_(gain).addcmul_(xhat, along).mul_(rstd)
        return dx, dgain, None, None


class SquaredReluGate(torch.autograd.Function):
    """relu(gate)^2 * up"""

    @staticmethod
    def forward(ctx, gate, up):
        r = gate.relu()
        ctx.save_for_backward(r, up)
        return r.square().mul_(up)

    @staticmethod
    def backward(ctx, grad):
        r, up = ctx.saved_tensors
        common = grad * r
        dgate = common.mul(up).mul_(2.0)
        return dgate, common.mul_(r)


class Rope(torch.autograd.Function):
    """Rotates the halves of each head by position.  The output is bf16, heads first."""

    @staticmethod
    def forward(ctx, x, cos, sin, factor):
        # x: [batch, position, head, 2, half]; tables: [position, 1, half]
        ctx.save_for_backward(cos, sin)
        ctx.factor = factor
        a, b = x.unbind(3)
        c, s = cos * factor, sin * factor
        out = torch.empty(x.shape, dtype=BF16)
        out[..., 0, :] = (a * c).addcmul_(b, s, value=-1)
        out[..., 1, :] = (b * c).addcmul_(a, s)
        return out

    @staticmethod
    def backward(ctx, grad):
        cos, sin = ctx.saved_tensors
        a, b = grad.float().unbind(3)
        c, s = cos * ctx.factor, sin * ctx.factor
        out = torch.empty(grad.shape)
        out[..., 0, :] = (a * c).addcmul_(b, s)
        out[..., 1, :] = (b * c).addcmul_(a, s, value=-1)
        return out, None, None, None


class Dropout(torch.autograd.Function):
    """Zeroes a share of the values.  In a few megabytes of text that are read many times
    this is what keeps the model from learning them by heart."""

    @staticmethod
    def forward(ctx, x, share):
        ctx.keep = torch.empty_like(x).uniform_().ge_(share).mul_(1.0 / (1.0 - share))
        return x * ctx.keep

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.keep, None


class TiedHeadLoss(torch.autograd.Function):
    """Sum of cross-entropies of `hidden` against the embedding table."""

    @staticmethod
    def forward(ctx, hidden, table, table_bf16, targets, scale):
        h = hidden.to(BF16)
        logits = (h @ table_bf16.t()).float()
        top = logits.amax(1, keepdim=True)
        index = torch.arange(len(targets))
        picked = logits[index, targets] - top[:, 0]
        p = logits.sub_(top).exp_()
        total = p.sum(1, keepdim=True)
        loss = (total.log()[:, 0] - picked).sum()
        p.mul_(scale / total)
        p[index, targets] -= scale
        p = p.to(BF16)
        ctx.dh = (p @ table_bf16).float()
        table.grad.add_(p.t() @ h)
        return loss * scale

    @staticmethod
    def backward(ctx, grad):
        return ctx.dh, None, None, None, None


class Model:
    def __init__(self, shape, seed):
        self.shape = shape
        generator = torch.Generator().manual_seed(seed)

        def normal(rows, columns, std):
            return torch.empty(rows, columns).normal_(0, std, generator=generator)

        s = shape
        self.embedding = normal(s.vocabulary, s.width, 0.04)
        self.output_norm = torch.ones(s.width)
        # The gains of the sub-norms set how much a block adds to the residual stream.
        start = 0.15
        self.blocks = [
            dict(
                attn_norm=torch.ones(s.width),
                qkv=normal(s.q_rows + 2 * s.kv_rows, s.width, s.width**-0.5),
                attn_sub_norm=torch.full((s.q_rows,), start),
                attn_output=normal(s.width, s.q_rows, s.q_rows**-0.5),
                ffn_norm=torch.ones(s.width),
                gate_up=normal(2 * s.ffn, s.width, s.width**-0.5),
                ffn_sub_norm=torch.full((s.ffn,), start),
                ffn_down=normal(s.width, s.ffn, s.ffn**-0.5),
            )
            for _ in range(s.layers)
        ]
        self.row_blocks = dict(
            qkv=[s.q_rows, s.kv_rows, s.kv_rows],
            attn_output=[s.width],
            gate_up=[s.ffn, s.ffn],
            ffn_down=[s.width],
        )
        self.ternary = [
            {name: TernaryWeights(block[name], rows) for name, rows in self.row_blocks.items()}
            for block in self.blocks
        ]
        self.table_bf16 = shared(s.vocabulary, s.width, dtype=BF16)
        for p in self.parameters().values():
            p.share_memory_().requires_grad_(True)
            p.grad = torch.zeros_like(p)

    def parameters(self):
        named = {"embedding": self.embedding, "output_norm": self.output_norm}
        for i, block in enumerate(self.blocks):
            named.update({f"blocks.{i}.{name}": p for name, p in block.items()})
        return named

    def refresh(self):
        """Quantizes everything anew; to be called when the weights were changed."""
        for layer in self.ternary:
            for weights in layer.values():
                weights.refresh()
        self.refresh_table()

    def refresh_table(self):
        self.table_bf16.copy_(self.embedding.detach())

    def set_context(self, length):
        half = self.shape.head_size // 2
        inverse = self.shape.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(length, dtype=torch.float64)[:, None, None] * inverse
        self.cos, self.sin = angle.cos().float(), angle.sin().float()
        causal = torch.full((length, length), -math.inf).triu_(1).to(BF16)
        self.mask = causal.repeat(self.shape.heads // self.shape.kv_heads, 1)

    def attention(self, q, k, v, batch, length):
        s = self.shape
        group, half = s.heads // s.kv_heads, s.head_size // 2
        q = Rope.apply(q.view(batch, length, s.heads, 2, half), self.cos, self.sin, s.head_size**-0.5)
        k = Rope.apply(k.view(batch, length, s.kv_heads, 2, half), self.cos, self.sin, 1.0)
        # A kv head serves `group` query heads: stack those along the query positions.
        q = q.view(batch, length, s.kv_heads, group, s.head_size).permute(0, 2, 3, 1, 4)
        q = q.reshape(batch * s.kv_heads, group * length, s.head_size)
        k = k.view(batch, length, s.kv_heads, s.head_size).permute(0, 2, 3, 1)
        k = k.reshape(batch * s.kv_heads, s.head_size, length)
        v = v.to(BF16).view(batch, length, s.kv_heads, s.head_size).permute(0, 2, 1, 3)
        v = v.reshape(batch * s.kv_heads, length, s.head_size)
        weights = torch.bmm(q, k).add_(self.mask).softmax(-1)
        out = torch.bmm(weights, v).view(batch, s.kv_heads, group, length, s.head_size)
        return out.permute(0, 3, 1, 2, 4).reshape(batch * length, s.q_rows).float()

    def loss(self, inputs, targets, scale, dropout=0.0):
        """Cross-entropy times `scale`, summed over all tokens of the micro-batch."""
        batch, length = inputs.shape

        def drop(x):
            return Dropout.apply(x, dropout) if dropout else x

        h = drop(F.embedding(inputs.reshape(-1), self.embedding))
        for block, ternary in zip(self.blocks, self.ternary):

            def linear(x, gain, name):
                return NormBitLinear.apply(x, block[gain], block[name], ternary[name])

            q, k, v = linear(h, "attn_norm", "qkv")
            (out,) = linear(self.attention(q, k, v, batch, length), "attn_sub_norm", "attn_output")
            h = h + drop(out)
            hidden = SquaredReluGate.apply(*linear(h, "ffn_norm", "gate_up"))
            (out,) = linear(hidden, "ffn_sub_norm", "ffn_down")
            h = h + drop(out)
        h = h * (h.square().mean(1, keepdim=True) + EPS).rsqrt() * self.output_norm
        return TiedHeadLoss.apply(h, self.embedding, self.table_bf16, targets.reshape(-1), scale)
