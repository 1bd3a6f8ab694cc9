"""Charts as PNG pictures: mail programs show no SVG. Bars need no more than rectangles; words stand beside in HTML."""

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.notifier.alert import SEVERITIES
from services.notifier.rendering.mail import COLOURS

WIDTH, HEIGHT = 1152, 280  # pixels: twice as many as shown, for sharp screens
_LINES = 4
_GRID, _PAPER = (226, 232, 240), (255, 255, 255)


def bars_by_hour(hours: Sequence[Mapping[str, int]]) -> bytes:
    """Return a PNG with a stacked bar for each hour.

    Args:
        hours: Numbers of alerts by severity.
    """
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = _PAPER
    for line in range(_LINES + 1):
        row = min(HEIGHT - 2, line * HEIGHT // _LINES)
        image[row : row + 2] = _GRID
    most = max((sum(hour.values()) for hour in hours), default=0) or 1
    slot = WIDTH // len(hours)
    for number, hour in enumerate(hours):
        bottom, below = HEIGHT, 0
        for severity in reversed(SEVERITIES):  # the worst at the bottom, where bars can be compared
            below += hour.get(severity, 0)
            top = HEIGHT - round(below / most * (HEIGHT - 4))
            image[top:bottom, number * slot + slot // 8 : (number + 1) * slot - slot // 8] = _rgb(COLOURS[severity])
            bottom = min(bottom, top)
    return png(image)


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image as a PNG (ISO/IEC 15948): rows of 8-bit red, green and blue, without filters.

    Args:
        image: Shape (height, width, 3).
    """
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = image.reshape(height, -1)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
