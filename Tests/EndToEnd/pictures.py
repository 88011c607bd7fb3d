"""Pictures to send and to receive, made on the spot."""

import base64
import io
import random

from PIL import Image


def picture(format="PNG", width=64, height=64, seed=0):
    """A small picture as bytes; another seed gives other bytes."""
    color = random.Random(seed).randbytes(3)
    return encoded(Image.new("RGB", (width, height), tuple(color)), format)


def mask(width=64, height=64):
    """A PNG whose left half is transparent: that is where an edit may change the picture."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return encoded(image, "PNG")


def large_picture(megabytes):
    """A PNG of noise, of a little more than so many megabytes (of a million bytes)."""
    side = int((megabytes * 1_000_000 / 3) ** 0.5) + 1
    noise = random.Random(side).randbytes(side * side * 3)
    return encoded(Image.frombytes("RGB", (side, side), noise), "PNG", compress_level=0)


def filed_picture(seed=0):
    """A PNG that is too large for the ledger, and so has a file."""
    side = 100
    return encoded(Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)), "PNG")


def encoded(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def opened(bytes):
    """The picture in `bytes`, every pixel decoded; raises on anything that is not a whole picture."""
    image = Image.open(io.BytesIO(bytes))
    image.load()
    return image


def data_uri(bytes, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(bytes).decode()}"
