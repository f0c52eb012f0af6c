# SPDX-License-Identifier: Apache-2.0
"""The U-Net of `backbone=unet` in PyTorch, to use weights that `semiseg export` wrote in a program of your own.

    semiseg export RUN weights.safetensors
    python3 unet.py weights.safetensors slices.npy probabilities.npy

slices.npy: float32 [B, channels, height, width], prepared as the run's data set was (`semiseg info` and the run's
provenance name the preparation), both sides divisible by 16. probabilities.npy: float32 [B, classes, height, width].
Needs PyTorch, numpy and safetensors.
"""
import sys

import numpy
import torch
from safetensors.torch import load_file
from torch import nn


class Block(nn.Module):
    """conv 3×3, batch norm, LeakyReLU, dropout, conv 3×3, batch norm, LeakyReLU."""

    def __init__(self, inputs, outputs, dropout):
        super().__init__()
        self.conv_conv = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(), nn.Dropout(dropout),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU())

    def forward(self, x):
        return self.conv_conv(x)


class Down(nn.Module):
    def __init__(self, inputs, outputs, dropout):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), Block(inputs, outputs, dropout))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, deep, skip):
        super().__init__()
        self.conv1x1 = nn.Conv2d(deep, skip, 1)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = Block(2 * skip, skip, 0.0)

    def forward(self, deep, skip):
        return self.conv(torch.cat([skip, self.up(self.conv1x1(deep))], dim=1))


class Encoder(nn.Module):
    def __init__(self, channels, filters, dropout):
        super().__init__()
        self.in_conv = Block(channels, filters[0], dropout[0])
        for level in range(1, len(filters)):
            setattr(self, f"down{level}", Down(filters[level - 1], filters[level], dropout[level]))

    def forward(self, x):
        levels = [self.in_conv(x)]
        for level in range(1, 5):
            levels.append(getattr(self, f"down{level}")(levels[-1]))
        return levels


class Decoder(nn.Module):
    def __init__(self, filters, classes):
        super().__init__()
        for level in range(1, len(filters)):
            setattr(self, f"up{level}", Up(filters[-level], filters[-level - 1]))
        self.out_conv = nn.Conv2d(filters[0], classes, 3, padding=1)

    def forward(self, levels):
        x = levels[-1]
        for level in range(1, 5):
            x = getattr(self, f"up{level}")(x, levels[-level - 1])
        return self.out_conv(x)


class UNet(nn.Module):
    """Parameter names are those of the file. `filters` is the option backbone.filters of the run."""

    def __init__(self, channels, classes, filters=(16, 32, 64, 128, 256), dropout=(0.05, 0.1, 0.2, 0.3, 0.5)):
        super().__init__()
        self.encoder = Encoder(channels, filters, dropout)
        self.decoder = Decoder(filters, classes)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def network_of(weights):
    """The network whose sizes are those of the tensors, with these weights, for inference."""
    first = weights["encoder.in_conv.conv_conv.0.weight"]
    deeper = [weights[f"encoder.down{level}.maxpool_conv.1.conv_conv.0.weight"] for level in range(1, 5)]
    filters = [len(tensor) for tensor in [first, *deeper]]
    network = UNet(first.shape[1], len(weights["decoder.out_conv.weight"]), filters)
    network.load_state_dict(weights)  # strict: a missing or unknown name is an error
    return network.eval()


def main(weight_file, image_file, output_file):
    network = network_of(load_file(weight_file))
    with torch.inference_mode():
        probabilities = network(torch.from_numpy(numpy.load(image_file))).softmax(dim=1)
    numpy.save(output_file, probabilities.numpy())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
