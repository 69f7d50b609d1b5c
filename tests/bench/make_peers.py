#!/usr/bin/python3
"""Makes the models of peers.py: published architectures, random weights, one seed.

usage: make_peers.py FOLDER [NAME...]

Each becomes NAME.onnx (opset 13, open batch) and NAME.pt (TorchScript), from the same module, and
those with branches NAME.fork.pt too, in which branches are forked and waited for by hand.
Needs Debian's python3-torch, python3-torchvision and python3-onnx.
"""
import importlib
import os
import sys
import warnings

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

ROWS, WORDS = 128, 1000
forked = False  # branches are forked now


def beside(*branches):
    """What the branches make, each a function and what it is given: forked and waited for."""
    futures = [torch.jit.fork(f, *given) for f, *given in branches[1:]]
    f, *given = branches[0]
    return [f(*given)] + [torch.jit.wait(future) for future in futures]


def chain(*layers):
    """A function that calls the layers one after the other."""
    def run(x):
        for layer in layers:
            x = layer(x)
        return x
    return run


def pool(block, x):
    return block.branch_pool(F.avg_pool2d(x, 3, 1, 1))


# The blocks of torchvision that have branches, as lists of them.
def fork_google(b, x):
    return beside((b.branch1, x), (b.branch2, x), (b.branch3, x), (b.branch4, x))


def fork_a(b, x):
    return beside((b.branch1x1, x), (chain(b.branch5x5_1, b.branch5x5_2), x),
                  (chain(b.branch3x3dbl_1, b.branch3x3dbl_2, b.branch3x3dbl_3), x), (pool, b, x))


def fork_b(b, x):
    return beside((b.branch3x3, x),
                  (chain(b.branch3x3dbl_1, b.branch3x3dbl_2, b.branch3x3dbl_3), x),
                  (lambda y: F.max_pool2d(y, 3, 2), x))


def fork_c(b, x):
    return beside((b.branch1x1, x), (chain(b.branch7x7_1, b.branch7x7_2, b.branch7x7_3), x),
                  (chain(b.branch7x7dbl_1, b.branch7x7dbl_2, b.branch7x7dbl_3, b.branch7x7dbl_4,
                         b.branch7x7dbl_5), x), (pool, b, x))


def fork_d(b, x):
    return beside((chain(b.branch3x3_1, b.branch3x3_2), x),
                  (chain(b.branch7x7x3_1, b.branch7x7x3_2, b.branch7x7x3_3, b.branch7x7x3_4), x),
                  (lambda y: F.max_pool2d(y, 3, 2), x))


def fork_e(b, x):
    def wide(y):
        y = b.branch3x3_1(y)
        return torch.cat([b.branch3x3_2a(y), b.branch3x3_2b(y)], 1)

    def deep(y):
        y = b.branch3x3dbl_2(b.branch3x3dbl_1(y))
        return torch.cat([b.branch3x3dbl_3a(y), b.branch3x3dbl_3b(y)], 1)
    return beside((b.branch1x1, x), (wide, x), (deep, x), (pool, b, x))


def fork_blocks(model):
    """Lets the blocks of a torchvision network fork their branches."""
    google = importlib.import_module("torchvision.models.googlenet")
    inception = importlib.import_module("torchvision.models.inception")
    kinds = {google.Inception: fork_google, inception.InceptionA: fork_a,
             inception.InceptionB: fork_b, inception.InceptionC: fork_c,
             inception.InceptionD: fork_d, inception.InceptionE: fork_e}
    for block in model.modules():
        if type(block) in kinds:
            block.forward = lambda x, b=block: torch.cat(kinds[type(b)](b, x), 1)


# NASNet-A mobile (Zoph et al., 2018, figure 4; 4 @ 1056) --------------------------------------
class Separable(nn.Sequential):
    """Twice: ReLU, depthwise, pointwise, norm; the first with the stride."""

    def __init__(self, inside, out, kernel, stride=1):
        layers = []
        for wide, step in ((inside, stride), (out, 1)):
            layers += [nn.ReLU(), nn.Conv2d(wide, wide, kernel, step, kernel // 2, groups=wide,
                                            bias=False),
                       nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out)]
        super().__init__(*layers)


def squeeze(inside, out, stride=1):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inside, out, 1, stride, bias=False),
                         nn.BatchNorm2d(out))


class Cell(nn.Module):
    def __init__(self, before, now, out, reduces, shrunk):
        super().__init__()
        self.before = squeeze(before, out, 2 if shrunk else 1)
        self.now = squeeze(now, out)
        self.reduces = reduces
        kernels = (7, 5, 7, 5, 3) if reduces else (3, 3, 5, 5, 3)
        self.part = nn.ModuleList(
            Separable(out, out, k, 2 if reduces and i < 4 else 1) for i, k in enumerate(kernels))
        self.average = nn.AvgPool2d(3, 2 if reduces else 1, 1, count_include_pad=False)
        self.largest = nn.MaxPool2d(3, 2, 1)
        self.near = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.channels = out * (4 if reduces else 6)

    def forward(self, before, now):
        p, h, part = self.before(before), self.now(now), self.part
        if forked:
            return self.fork(p, h)
        if self.reduces:
            first = part[0](p) + part[1](h)
            second = self.largest(h) + part[2](p)
            third = self.average(h) + part[3](p)
            fourth = self.largest(h) + part[4](first)
            return torch.cat([second, third, fourth, self.near(first) + second], 1)
        return torch.cat([p, part[0](h) + h, part[1](p) + part[2](h), self.average(h) + p,
                          self.average(p) + self.average(p), part[3](p) + part[4](p)], 1)


    def fork(self, p, h):
        part = self.part
        if self.reduces:
            a, b, c, d, large, mean = beside((part[0], p), (part[1], h), (part[2], p), (part[3], p),
                                             (self.largest, h), (self.average, h))
            first, second, third = a + b, large + c, mean + d
            near, last = beside((self.near, first), (part[4], first))
            return torch.cat([second, third, large + last, near + second], 1)
        a, b, c, d, e, near_h, near_p = beside(
            (part[0], h), (part[1], p), (part[2], h), (part[3], p), (part[4], p),
            (self.average, h), (self.average, p))
        return torch.cat([p, a + h, b + c, near_h + p, near_p + near_p, d + e], 1)


class NasNet(nn.Module):
    def __init__(self, repeats=4, filters=44):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32))
        self.cell = nn.ModuleList()
        before, now, shrunk = 32, 32, False

        def add(out, reduces):
            nonlocal before, now, shrunk
            self.cell.append(Cell(before, now, out, reduces, shrunk))
            before, now, shrunk = now, self.cell[-1].channels, reduces
        add(filters // 4, True)
        add(filters // 2, True)
        for stage in range(3):
            if stage > 0:
                add(filters * 2 ** stage, True)
            for _ in range(repeats):
                add(filters * 2 ** stage, False)
        self.last = nn.Linear(now, WORDS)

    def forward(self, x):
        before = now = self.stem(x)
        for cell in self.cell:
            before, now = now, cell(before, now)
        return self.last(F.relu(now).mean((2, 3)))


# RandWire, small: Watts-Strogatz of 32 nodes, K 4, P 0.75, 78 channels (Xie et al., 2019) ------
def small_world(nodes, near, chance, random):
    edges = {tuple(sorted((i, (i + k) % nodes))) for i in range(nodes)
             for k in range(1, near // 2 + 1)}
    for a, b in sorted(edges):
        if random.random() < chance:
            free = [c for c in range(nodes) if c != a and tuple(sorted((a, c))) not in edges]
            edges.remove((a, b))
            edges.add(tuple(sorted((a, random.choice(free)))))
    return sorted(edges)


class Stage(nn.Module):
    def __init__(self, inside, out, random, nodes=32):
        super().__init__()
        edges = small_world(nodes, 4, 0.75, random)
        self.source = [[a for a, b in edges if b == n] for n in range(nodes)]
        self.end = [n for n in range(nodes) if not any(a == n for a, _ in edges)]
        self.weight = nn.ParameterList(
            nn.Parameter(torch.randn(max(1, len(s)))) for s in self.source)
        self.node = nn.ModuleList(self.make(out if s else inside, out, 1 if s else 2)
                                  for s in self.source)

    @staticmethod
    def make(inside, out, stride):
        return nn.Sequential(nn.ReLU(), nn.Conv2d(inside, inside, 3, stride, 1, groups=inside,
                                                  bias=False),
                             nn.Conv2d(inside, out, 1, bias=False), nn.BatchNorm2d(out))

    def run(self, n, x, *sources):
        if sources:
            share = torch.sigmoid(self.weight[n])
            x = sum(s * share[i] for i, s in enumerate(sources))
        return self.node[n](x)

    def forward(self, x):
        if forked:
            return self.fork(x)
        made = []
        for n, source in enumerate(self.source):
            made.append(self.run(n, x, *(made[s] for s in source)))
        return sum(made[n] for n in self.end) / len(self.end)

    def fork(self, x):
        """Nodes that are as far from the input run beside one another."""
        depth = []
        for source in self.source:
            depth.append(1 + max((depth[s] for s in source), default=-1))
        made = {}
        for level in range(max(depth) + 1):
            nodes = [n for n, d in enumerate(depth) if d == level]
            made.update(zip(nodes, beside(*((self.run, n, x, *(made[s] for s in self.source[n]))
                                            for n in nodes))))
        return sum(made[n] for n in self.end) / len(self.end)


class RandWire(nn.Module):
    def __init__(self, channels=78):
        import random
        chance = random.Random(7)
        super().__init__()
        half = channels // 2
        self.body = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half),
            Stage.make(half, channels, 2), Stage(channels, channels, chance),
            Stage(channels, 2 * channels, chance), Stage(2 * channels, 4 * channels, chance),
            nn.ReLU(), nn.Conv2d(4 * channels, 1280, 1, bias=False), nn.BatchNorm2d(1280),
            nn.ReLU())
        self.last = nn.Linear(1280, WORDS)

    def forward(self, x):
        return self.last(self.body(x).mean((2, 3)))


# BERT (Devlin et al., 2018) --------------------------------------------------------------------
class Layer(nn.Module):
    def __init__(self, wide, heads):
        super().__init__()
        self.heads, self.each = heads, wide // heads
        self.q, self.k, self.v, self.o = (nn.Linear(wide, wide) for _ in range(4))
        self.up, self.down = nn.Linear(wide, 4 * wide), nn.Linear(4 * wide, wide)
        self.first, self.second = nn.LayerNorm(wide, 1e-12), nn.LayerNorm(wide, 1e-12)

    def cut(self, x):
        return x.view(x.size(0), ROWS, self.heads, self.each).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        if forked:
            q, k, v = beside((self.q, x), (self.k, x), (self.v, x))
            scores = self.cut(q) @ self.cut(k).transpose(-1, -2) / self.each ** 0.5
            seen = torch.softmax(scores + mask, -1) @ self.cut(v)
        else:
            scores = self.cut(self.q(x)) @ self.cut(self.k(x)).transpose(-1, -2) / self.each ** 0.5
            seen = torch.softmax(scores + mask, -1) @ self.cut(self.v(x))
        seen = seen.permute(0, 2, 1, 3).reshape(x.size(0), ROWS, self.heads * self.each)
        x = self.first(x + self.o(seen))
        return self.second(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self, layers, wide, heads, words=30522):
        super().__init__()
        self.word, self.place = nn.Embedding(words, wide), nn.Embedding(ROWS, wide)
        self.norm = nn.LayerNorm(wide, 1e-12)
        self.layer = nn.ModuleList(Layer(wide, heads) for _ in range(layers))
        self.register_buffer("rows", torch.arange(ROWS)[None])

    def forward(self, ids, mask):
        x = self.norm(self.word(ids) + self.place(self.rows))
        away = (1 - mask[:, None, None, :].float()) * -10000
        for layer in self.layer:
            x = layer(x, away)
        return x


# Branches of other kinds -----------------------------------------------------------------------
class Towers(nn.Module):
    def __init__(self, towers=16, rows=4096, wide=64):
        super().__init__()
        self.table = nn.ModuleList(nn.Embedding(rows, wide) for _ in range(towers))
        self.tower = nn.ModuleList(nn.Sequential(nn.Linear(wide, 256), nn.ReLU(),
                                                 nn.Linear(256, 128), nn.ReLU(),
                                                 nn.Linear(128, 64)) for _ in range(towers))
        self.last = nn.Sequential(nn.Linear(64 * towers, 512), nn.ReLU(), nn.Linear(512, 1))

    def forward(self, ids):
        pairs = enumerate(zip(self.table, self.tower))
        if forked:
            made = beside(*((chain(table, tower), ids[:, i]) for i, (table, tower) in pairs))
        else:
            made = [tower(table(ids[:, i])) for i, (table, tower) in pairs]
        return self.last(torch.cat(made, 1))


class BiLstm(nn.Module):
    def __init__(self, inside=128, hidden=256, steps=32):
        super().__init__()
        self.steps = steps
        self.lstm = nn.LSTM(inside, hidden, batch_first=True, bidirectional=True)
        self.last = nn.Linear(2 * hidden, 10)

    def way(self, x, weights):
        zeros = x.new_zeros(1, x.size(0), self.lstm.hidden_size)
        return torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, False, False, True)[0]

    def forward(self, x):
        if not forked:
            return self.last(self.lstm(x)[0][:, self.steps - 1])
        weights = self.lstm._flat_weights
        there, back = beside((lambda y: self.way(y, weights[:4])[:, -1], x),
                             (lambda y: self.way(y.flip(1), weights[4:])[:, 0], x))
        return self.last(torch.cat([there, back], 1))


def picture(size=224):
    return [torch.rand(2, 3, size, size)], ["x"]


def words(rows=ROWS):
    ids = torch.ones(2, rows, dtype=torch.int64)
    return [ids, ids.clone()], ["ids", "mask"]


V = torchvision.models
MODELS = {
    "googlenet": (lambda: V.googlenet(aux_logits=False, init_weights=False), picture),
    "inception_v3": (lambda: V.inception_v3(aux_logits=False, init_weights=False),
                     lambda: picture(299)),
    "squeezenet": (V.squeezenet1_1, picture),
    "resnet50": (V.resnet50, picture),
    "mobilenet_v2": (V.mobilenet_v2, picture),
    "densenet121": (V.densenet121, picture),
    "nasnet_a": (NasNet, picture),
    "randwire": (RandWire, picture),
    "bert_tiny": (lambda: Bert(2, 128, 2), words),
    "bert_base": (lambda: Bert(12, 768, 12), words),
    "towers": (Towers, lambda: ([torch.ones(2, 16, dtype=torch.int64)], ["ids"])),
    "bilstm": (BiLstm, lambda: ([torch.rand(2, 32, 128)], ["x"])),
}


BRANCHY = {"googlenet", "inception_v3", "nasnet_a", "randwire", "bert_tiny", "bert_base", "towers",
           "bilstm"}


def fork(model, given, path):
    """Saves the model with branches forked by hand, which gives what it gives without."""
    global forked
    plain = model(*given)
    forked = True
    fork_blocks(model)
    traced = torch.jit.trace(model, tuple(given), check_trace=False)
    forked = False
    frozen = torch.jit.freeze(traced)
    error = (plain - frozen(*given)).abs().max() / plain.abs().max()
    assert error < 1e-4, f"{path}: forked differs by {error:.1e}"
    torch.jit.save(frozen, path + ".fork.pt")


def make(folder, name):
    module, inputs = MODELS[name]
    path = os.path.join(folder, name)
    if os.path.exists(path + ".pt") and (name not in BRANCHY or os.path.exists(path + ".fork.pt")):
        return
    torch.manual_seed(1)
    model, (given, names) = module().eval(), inputs()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, tuple(given), path + ".onnx", opset_version=13,
                          input_names=names, output_names=["y"],
                          dynamic_axes={n: {0: "n"} for n in names + ["y"]})
        torch.jit.save(torch.jit.freeze(torch.jit.trace(model, tuple(given))), path + ".pt")
        if name in BRANCHY:
            fork(model, given, path)
    print(f"{name}: {os.path.getsize(path + '.onnx') / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for wanted in sys.argv[2:] or MODELS:
        make(sys.argv[1], wanted)
