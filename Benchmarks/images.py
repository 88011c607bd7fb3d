"""Images of an exact length, made without any library: noise, so that nothing on the way can make them smaller."""

import base64
import json
import random
import struct
import zlib


def image(length, seed=0):
    """A valid PNG of exactly `length` bytes."""
    # A row is a filter's number and its pixels; what is then missing goes into a comment.
    width = max(1, int((length / 3) ** 0.5))
    height = max(1, (length - 200) // (3 * width + 1))
    while (missing := length - len(png(width, height, seed))) < 0 or missing in range(1, 20):
        height -= 1
    return png(width, height, seed, comment=missing)


def png(width, height, seed, comment=0):
    """A PNG of noise; `comment` is how much longer than necessary it is to be, in bytes."""
    noise = random.Random(f"{width}x{height}, {seed}")
    rows = b"".join(b"\0" + noise.randbytes(3 * width) for _ in range(height))
    text = chunk(b"tEXt", b"Comment\0" + b"." * (comment - 20)) if comment else b""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def answer(*images):
    """What OpenAI answers: the images as base64 in JSON."""
    data = [{"b64_json": base64.b64encode(image).decode()} for image in images]
    details = {"text_tokens": 10, "image_tokens": 0}
    usage = {"total_tokens": 30, "input_tokens": 10, "output_tokens": 20, "input_tokens_details": details}
    return json.dumps({"created": 1713833628, "data": data, "usage": usage}, separators=(",", ":")).encode()


def form(image, **fields):
    """A `multipart/form-data` body as clients send it for an edit, and its type."""
    boundary = "otter" * 4
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + image + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
