"""Grey PNG files have the same levels on few cores, where another library reads them, and many."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.images import png
from harness.data.images.read import read_grey
from harness.errors import HarnessError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEIGHT, WIDTH = 20, 23


@pytest.fixture(params=[1, 64], ids=["few cores", "many cores"])
def cores(request, monkeypatch) -> int:
    monkeypatch.setattr(os, "cpu_count", lambda: request.param)
    return request.param


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _file(lines: bytes, *between: bytes, kind: bytes = b"\x08\0\0\0\0") -> bytes:
    """A PNG file of filtered lines, with other chunks between its header and its pixels."""
    header = _chunk(b"IHDR", struct.pack(">II", WIDTH, HEIGHT) + kind)
    pixels = _chunk(b"IDAT", zlib.compress(lines))
    return SIGNATURE + header + b"".join(between) + pixels + _chunk(b"IEND", b"")


def _filtered(grey: np.ndarray, kind: int) -> bytes:
    """Lines as the PNG specification's filters 0 to 4 write them."""
    lines = b""
    above = [0] * WIDTH
    for line in grey.tolist():
        left = [0, *line[:-1]]
        corner = [0, *above[:-1]]
        lines += bytes([kind]) + bytes(
            (value - _predicted(kind, a, b, c)) % 256
            for value, a, b, c in zip(line, left, above, corner, strict=True)
        )
        above = line
    return lines


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda value: abs(guess - value))
    return (0, left, above, (left + above) // 2)[kind]


@pytest.mark.parametrize("kind", range(5))
def test_every_filter_gives_the_levels_back(tmp_path, grey, cores, kind):
    path = tmp_path / "a.png"
    path.write_bytes(_file(_filtered(grey, kind)))
    assert np.array_equal(read_grey(path), grey)


def test_the_levels_may_be_written_to(tmp_path, grey, cores):
    path = tmp_path / "a.png"
    path.write_bytes(_file(_filtered(grey, 0)))
    levels = read_grey(path)
    levels[:] = 1
    assert levels.dtype == np.uint8 and levels.shape == (HEIGHT, WIDTH)


def test_a_transparent_level_is_black(tmp_path, cores):
    grey = np.full((HEIGHT, WIDTH), 9, np.uint8)
    grey[3, 4] = 200
    path = tmp_path / "a.png"
    path.write_bytes(_file(_filtered(grey, 0), _chunk(b"tRNS", b"\0\xc8")))
    levels = read_grey(path)
    assert levels[3, 4] == 0
    assert (levels == 9).sum() == levels.size - 1


def test_other_chunks_change_nothing(tmp_path, grey, cores):
    gamma, text = _chunk(b"gAMA", struct.pack(">I", 45455)), _chunk(b"tEXt", b"Title\0IDAT tRNS")
    path = tmp_path / "a.png"
    for chunks in ([gamma], [text], [gamma, text]):
        path.write_bytes(_file(_filtered(grey, 1), *chunks))
        assert np.array_equal(read_grey(path), grey)


def test_a_remark_hides_no_transparent_level(tmp_path, cores):
    path = tmp_path / "a.png"
    remark, clear = _chunk(b"tEXt", b"Title\0first IDAT of 3"), _chunk(b"tRNS", b"\0\x09")
    path.write_bytes(_file(_filtered(np.full((HEIGHT, WIDTH), 9, np.uint8), 0), remark, clear))
    assert not read_grey(path).any()


def test_bytes_behind_the_end_change_nothing(tmp_path, grey, cores):
    path = tmp_path / "a.png"
    path.write_bytes(_file(_filtered(grey, 4)) + b"and more")
    assert np.array_equal(read_grey(path), grey)


def test_other_bit_depths_and_colours_are_read_by_pillow(tmp_path, grey, cores):
    for mode in ("1", "P", "LA", "RGB", "RGBA", "I;16"):
        deep = mode == "I;16"
        image = Image.fromarray(grey.astype(np.uint16) * 257 if deep else grey)
        (image if deep else image.convert(mode)).save(tmp_path / "a.png")
        expected = grey if mode != "1" else np.asarray(Image.fromarray(grey).convert("1")) * 255
        assert np.array_equal(read_grey(tmp_path / "a.png"), expected), mode


def _damaged(whole: bytes) -> dict[str, bytes]:
    at = whole.index(b"IDAT") + 20
    return {
        "half of it": whole[: len(whole) // 2],
        "a bit of the pixels": whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :],
        "a bit of the size": whole[:18] + b"\1" + whole[19:],
        "an unknown filter": _file(b"\x09" * (HEIGHT * (WIDTH + 1))),
        "a bit of a remark": _file(
            _filtered(np.zeros((HEIGHT, WIDTH), np.uint8), 0),
            _chunk(b"pHYs", bytes(9))[:-1] + b"\xff",
        ),
        "no width": SIGNATURE + _chunk(b"IHDR", struct.pack(">II", 0, 5) + b"\x08\0\0\0\0"),
    }


def test_damage_is_told_in_the_same_words(tmp_path, grey, monkeypatch):
    path = tmp_path / "a.png"
    for name, content in _damaged(_file(_filtered(grey, 0))).items():
        path.write_bytes(content)
        told = []
        for cores in (1, 64):
            monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
            with pytest.raises(HarnessError, match="cannot be read as an image") as raised:
                read_grey(path)
            told.append(str(raised.value))
        assert told[0] == told[1], name


def test_the_faster_library_is_for_grey_8_bit_files_on_few_cores(
    tmp_path, grey, cores, monkeypatch
):
    decoded = []

    def decode(*given):
        decoded.append(given[1])
        return real(*given)

    real = png.decode_image_png_u8
    monkeypatch.setattr(png, "decode_image_png_u8", decode)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).convert("RGB").save(tmp_path / "colour.png")
    Image.fromarray(grey).save(tmp_path / "grey.jpg")
    for path in sorted(Path(tmp_path).iterdir()):
        read_grey(path)
    assert decoded == ([(HEIGHT, WIDTH)] if cores == 1 else [])
