"""ShuffleNet v1 with a choice of channel mixers in PyTorch: the network of models/shufflenet.h.

Parameters and buffers have the names and layouts of Papilio's checkpoints. Written from the papers
(Zhang et al., "ShuffleNet"; Dao et al. 2020, section 3.1.2 and their code), not from Papilio's source.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

BLOCKS = {2: 4, 3: 8, 4: 4}
STAGE2 = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


def rounded(channels, groups):
    near = max(groups, int((channels + groups / 2) // groups) * groups)
    return near + groups if near < 0.9 * channels else near


def padded(x, n):
    """Images [batch, channels, height, width] to rows of channels, [batch, height, width, n]."""
    return F.pad(x.permute(0, 2, 3, 1), (0, n - x.shape[1]))


def cut(y, channels):
    return y[..., :channels].permute(0, 3, 1, 2)


def strides(n, increasing):
    levels = [2**k for k in range(n.bit_length() - 1)]
    return levels if increasing else levels[::-1]


class ChannelShuffle(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        if not torch.is_grad_enabled():
            return F.channel_shuffle(x, self.groups)  # the fastest, but has no derivative
        n, c, h, w = x.shape
        if x.is_contiguous(memory_format=torch.channels_last):  # and stays so
            y = x.permute(0, 2, 3, 1).reshape(n, h, w, self.groups, c // self.groups)
            return y.transpose(3, 4).reshape(n, h, w, c).permute(0, 3, 1, 2)
        return x.reshape(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class ChannelHadamard(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels, self.n = channels, 1 << (channels - 1).bit_length()

    def forward(self, x):
        y = padded(x, self.n)
        for stride in strides(self.n, True):
            a, b = y.unflatten(-1, (-1, 2, stride)).unbind(-2)
            y = torch.stack((a + b, a - b), -2).flatten(-3) / math.sqrt(2)
        return cut(y, self.channels)


class KMatrix(nn.Module):
    """OBB: rotations of decreasing strides, a diagonal, rotations of increasing strides."""

    def __init__(self, channels):
        super().__init__()
        self.channels, self.n = channels, max(2, 1 << (channels - 1).bit_length())
        levels = self.n.bit_length() - 1
        self.angles = nn.Parameter(torch.rand(1, 2, levels, self.n // 2) * 2 * math.pi)
        self.diagonal = nn.Parameter(torch.randn(1, 1, self.n))

    def rotate(self, y, angles, increasing):
        for stride, angle in zip(strides(self.n, increasing), angles):
            # pair i of a factor of stride s: elements p = 2 (i - i mod s) + i mod s and p + s
            cos, sin = (f(angle).view(-1, stride) for f in (torch.cos, torch.sin))
            p, q = y.unflatten(-1, (-1, 2, stride)).unbind(-2)
            y = torch.stack((cos * p - sin * q, sin * p + cos * q), -2).flatten(-3)
        return y

    def forward(self, x):
        y = self.rotate(padded(x, self.n), self.angles[0, 0], False) * self.diagonal[0, 0]
        return cut(self.rotate(y, self.angles[0, 1], True), self.channels)


def make_mixer(mixer, channels, groups, at_input):
    if mixer == "kmatrix":
        return KMatrix(channels)
    if mixer == "hadamard":
        return ChannelHadamard(channels)
    return ChannelShuffle(groups) if mixer == "shuffle" and not at_input and groups > 1 else nn.Identity()


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, groups, first_groups, mixer):
        super().__init__()
        self.stride = stride
        mid = rounded(outputs / 4, groups)
        branch = outputs - inputs if stride == 2 else outputs
        self.mix_in = make_mixer(mixer, inputs, first_groups, True)
        self.reduce = nn.Conv2d(inputs, mid, 1, groups=first_groups, bias=False)
        self.norm1 = nn.BatchNorm2d(mid)
        self.relu1 = nn.ReLU()
        self.mix_mid = make_mixer(mixer, mid, first_groups, False)
        self.depthwise = nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False)
        self.norm2 = nn.BatchNorm2d(mid)
        self.expand = nn.Conv2d(mid, branch, 1, groups=groups, bias=False)
        self.norm3 = nn.BatchNorm2d(branch)
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.relu1(self.norm1(self.reduce(self.mix_in(x))))
        y = self.norm3(self.expand(self.norm2(self.depthwise(self.mix_mid(y)))))
        if self.stride == 1:
            return self.relu(x + y)
        return self.relu(torch.cat((F.avg_pool2d(x, 3, 2, 1), y), 1))


class Standardize(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("deviation", torch.ones(3))

    def forward(self, x):
        return (x - self.mean[:, None, None]) / self.deviation[:, None, None]


class ShuffleNet(nn.Module):
    """images [batch, 3, height, width] -> logits [batch, classes]; the options are Papilio's."""

    def __init__(self, classes=1000, width=1.0, groups=8, mixer="shuffle", image_size=224,
                 ungrouped_stage2=True):
        super().__init__()
        channels = rounded(24 * width, groups)
        self.standardize = Standardize()
        self.conv1 = nn.Conv2d(3, channels, 3, 2 if image_size >= 48 else 1, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, 1) if image_size >= 128 else nn.Identity()
        for stage, count in BLOCKS.items():
            outputs = rounded(STAGE2[groups] * 2**(stage - 2) * width, groups)
            blocks = []
            for i in range(count):
                ungrouped = stage == 2 and (i == 0 or ungrouped_stage2)
                blocks.append(Block(channels, outputs, 2 if i == 0 else 1, groups,
                                    1 if ungrouped else groups, mixer))
                channels = outputs
            setattr(self, f"stage{stage}", nn.Sequential(*blocks))
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        y = self.pool(self.relu1(self.norm1(self.conv1(self.standardize(x)))))
        return self.head(self.stage4(self.stage3(self.stage2(y))).mean((2, 3)))


def parameter_count(net):
    return sum(p.numel() for p in net.parameters())
