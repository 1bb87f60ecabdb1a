#!/usr/bin/env python3
"""Makes the pictures of this folder, which tests decode: python3 make.py (Debian: python3-pil).

All show the same 24 x 16 pixels, red 20 + 7x, green 20 + 10y, blue 190 - 4(x + y), as different kinds of files.
"""
import io
import struct
import zlib
from PIL import Image

WIDTH, HEIGHT = 24, 16
RGB = [(20 + 7 * x, 20 + 10 * y, 190 - 4 * (x + y)) for y in range(HEIGHT) for x in range(WIDTH)]
GREY = [20 + 7 * x for y in range(HEIGHT) for x in range(WIDTH)]


def image(mode, values):
    made = Image.new(mode, (WIDTH, HEIGHT))
    made.putdata(values)
    return made


def jpeg(made, **options):
    out = io.BytesIO()
    made.save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def write(name, content):
    with open(name, "wb") as file:
        file.write(content)


def png(bits, colour, rows, interlace=0, extra=b""):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data[:40]) + chunk(b"IDAT", data[40:])
            + chunk(b"IEND", b""))


def rows_of(values, pack):
    return [b"".join(pack(values[y * WIDTH + x]) for x in range(WIDTH)) for y in range(HEIGHT)]


def interlaced_rows():
    """The seven passes of Adam7."""
    for top, left, down, right in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                                   (1, 0, 2, 1)]:
        for y in range(top, HEIGHT, down):
            yield b"".join(bytes(RGB[y * WIDTH + x]) for x in range(left, WIDTH, right))


rgb = image("RGB", RGB)
write("rgb.jpg", jpeg(rgb))
write("rgb_444.jpg", jpeg(rgb, subsampling=0))
write("grey.jpg", jpeg(image("L", GREY)))
write("progressive.jpg", jpeg(rgb, progressive=True))

# Ink of 255 - k = 204, and colours that multiplied by it give RGB. Adobe's files hold 255 minus the ink; so does PIL's.
light = [tuple(round(c * 255 / 204) for c in pixel) for pixel in RGB]
cmyk = jpeg(image("CMYK", [tuple(255 - c for c in pixel) + (51,) for pixel in light]))
write("cmyk.jpg", cmyk)
adobe = cmyk.index(b"\xff\xee")
assert cmyk[adobe + 4:adobe + 9] == b"Adobe"
plain = jpeg(image("CMYK", [pixel + (204,) for pixel in light]))  # stored as it is, without the marker
at = plain.index(b"\xff\xee")
write("cmyk_plain.jpg", plain[:at] + plain[at + 16:])
ycc = image("RGB", [tuple(255 - c for c in pixel) for pixel in light]).convert("YCbCr")
ycck = jpeg(image("CMYK", [tuple(255 - c for c in pixel) + (51,) for pixel in ycc.getdata()]))
at = ycck.index(b"\xff\xee")
write("ycck.jpg", ycck[:at + 15] + b"\x02" + ycck[at + 16:])

for orientation in range(1, 9):
    stored = rgb
    # What has to be done to the upright picture so that the tag undoes it.
    undo = {2: [Image.FLIP_LEFT_RIGHT], 3: [Image.ROTATE_180], 4: [Image.FLIP_TOP_BOTTOM], 5: [Image.TRANSPOSE],
            6: [Image.ROTATE_90], 7: [Image.TRANSVERSE], 8: [Image.ROTATE_270]}
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    write(f"exif_{orientation}.jpg", jpeg(stored, subsampling=0, exif=exif.tobytes()))

write("rgb.png", png(8, 2, rows_of(RGB, bytes)))
write("interlaced.png", png(8, 2, interlaced_rows(), interlace=1))
write("rgba.png", png(8, 6, rows_of(RGB, lambda p: bytes(p) + b"\x40")))
write("rgb_16.png", png(16, 2, rows_of(RGB, lambda p: bytes(b for c in p for b in (c, 0xFF)))))
write("rgba_16.png", png(16, 6, rows_of(RGB, lambda p: bytes(b for c in p for b in (c, 0xFF)) + b"\0\0")))
write("grey.png", png(8, 0, rows_of(GREY, lambda g: bytes([g]))))
write("grey_16.png", png(16, 0, rows_of(GREY, lambda g: bytes([g, 0xFF]))))
write("grey_alpha.png", png(8, 4, rows_of(GREY, lambda g: bytes([g, 0]))))
palette = rgb.convert("P", palette=Image.ADAPTIVE, colors=256)
out = io.BytesIO()
palette.save(out, "PNG", optimize=True)
write("palette.png", out.getvalue())
