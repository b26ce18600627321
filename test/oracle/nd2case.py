# SPDX-License-Identifier: BSD-3-Clause
"""Writes the least that is an ND2 file, as the readers nd2 and limnd2 describe them: no library writes any."""

import struct
import zlib

MAGIC = 0x0ABECEDA
MAP = b"ND2 FILEMAP SIGNATURE NAME 0001!"
END = b"ND2 CHUNK MAP SIGNATURE 0000001!"
TIME, POSITIONS, Z_STACK = 1, 2, 4


def binary(name, value):
    """A value of version 3: type, name in UTF-16, value. A list is a level of values without names."""

    def head(kind):
        return struct.pack("<BB", kind, len(name) + 1) + (name + "\0").encode("utf-16-le")

    if isinstance(value, bool):
        return head(1) + struct.pack("<B", value)
    if isinstance(value, int):
        return head(3) + struct.pack("<I", value)
    if isinstance(value, float):
        return head(6) + struct.pack("<d", value)
    if isinstance(value, str):
        return head(8) + (value + "\0").encode("utf-16-le")
    if isinstance(value, bytes):
        return head(9) + struct.pack("<Q", len(value)) + value
    items = value.items() if isinstance(value, dict) else (("", item) for item in value)
    inside = [binary(*item) for item in items]
    body, start = b"".join(inside), head(11)
    length = len(start) + 12 + len(body)
    return start + struct.pack("<IQ", len(inside), length) + body + bytes(8 * len(inside))


def xml(name, value):
    """The same as version 2 has it. Flags are values there."""
    name = name or "no_name"
    for kind, runtype in (bool, "bool"), (int, "lx_uint32"), (float, "double"), (str, "CLxStringW"):
        if isinstance(value, kind):
            text = str(value).lower() if kind is bool else str(value)
            return f'<{name} runtype="{runtype}" value="{text}"/>'
    if isinstance(value, bytes):
        value = [bool(flag) for flag in value]
    items = value.items() if isinstance(value, dict) else (("", item) for item in value)
    return f'<{name} runtype="CLxListVariant">' + "".join(xml(*item) for item in items) + f"</{name}>"


def positions(count):
    return [{"dPosX": 10.5 * i, "dPosY": -2.0 * i, "dPosZ": 0.0, "dPosName": f"p{i}"} for i in range(count)]


def experiment(loops):
    """loops: (type, count, flags of the positions), the slowest first."""
    (kind, count, flags), *inner = loops
    parameters = {"uiCount": count}
    if kind == TIME:
        parameters |= {"dStart": 0.0, "dPeriod": 500.0, "dDuration": 0.0}
    if kind == Z_STACK:
        parameters |= {"dZStep": 0.5, "dZLow": 0.0, "dZHigh": 1.0}
    if kind == POSITIONS:
        parameters |= {"bUseZ": False, "Points": positions(count)}
    level = {"eType": kind, "uLoopPars": parameters}
    if kind == POSITIONS and flags:
        level["pItemValid"] = bytes(flags)
    if inner:
        level["ppNextLevelEx"] = [experiment(inner)]
    return level


def picture(planes, components):
    spectrum = {"uiCount": 0, "pPoint": {}, "bPoints": False}
    probe = {"m_sName": "", "m_ExcitationSpectrum": spectrum, "m_EmissionSpectrum": spectrum}
    each = {
        f"a{i}": {
            "uiCompCount": components // planes,
            "uiSampleIndex": i,
            "sDescription": f"dye {i}",
            "uiColor": 0x0000FF << 8 * (i % 3),
            "pFluorescentProbe": probe,
        }
        for i in range(planes)
    }
    return {
        "dTimeMSec": 0.0,
        "dTimeAbsolute": 0.0,
        "dCalibration": 0.25,
        "bCalibrated": True,
        "sPicturePlanes": {"uiCount": planes, "sPlaneNew": each},
    }


class Writer:
    def __init__(self, path, version=3):
        self.file, self.version, self.map, self.end = open(path, "wb"), version, [], 0
        self.add(
            b"ND2 FILE SIGNATURE CHUNK NAME01!",
            b"Ver3.0".ljust(64, b"\0") if version == 3 else b"Ver2.1".ljust(64, b"\0"),
        )
        self.map.clear()

    def add(self, name, data, name_bytes=0, size=None):
        """size: of data that is not written, but a hole."""
        size, name_bytes = len(data) if size is None else size, max(name_bytes, len(name))
        self.map.append((name, self.end, size))
        if data:
            self.file.seek(self.end)
            self.file.write(struct.pack("<IIQ", MAGIC, name_bytes, size) + name.ljust(name_bytes, b"\0") + data)
        self.end += -(-(16 + name_bytes + size) // 4096) * 4096

    def add_values(self, name, root, values):
        if self.version == 3:
            head, slash, tail = name.partition("|")
            self.add(f"{head}LV{slash}{tail}!".encode(), binary(root, values))
        else:
            text = f'<?xml version="1.0" encoding="UTF-8"?><variant version="1.0">{xml("", values)}</variant>'
            self.add(f"{name}!".encode(), text.encode())

    def add_frame(self, number, data, size=None):
        """data: time in milliseconds, and pixels."""
        self.add(f"ImageDataSeq|{number}!".encode(), data, 4072, size)

    def finish(self):
        entries = b"".join(name + struct.pack("<QQ", *place) for name, *place in sorted(self.map, reverse=True))
        end = END + struct.pack("<Q", self.end)
        self.add(MAP, entries + end + end)
        self.file.close()


def write(path, frames, loops=(), *, planes=None, row_bytes=0, lossless=False, version=3, skipped=(), holes=0):
    """frames: number, rows, columns, components. holes: further frames that are holes of the file."""
    n, height, width, components = frames.shape
    row = width * components * frames.itemsize
    row_bytes, planes = max(row_bytes, row), planes or components
    writer = Writer(path, version)
    if loops:
        writer.add_values("ImageMetadata", "SLxExperiment", experiment(loops))
    writer.add_values("ImageMetadataSeq|0", "SLxPictureMetadata", picture(planes, components))
    for i, frame in enumerate(frames):
        if i in skipped:
            continue
        pixels = b"".join(line.tobytes().ljust(row_bytes, b"\xee") for line in frame)
        writer.add_frame(i, struct.pack("<d", 250.0 * i) + (zlib.compress(pixels, 1) if lossless else pixels))
    for i in range(n, n + holes):
        writer.add_frame(i, b"", 8 + height * row_bytes)
    bits = 8 * frames.itemsize
    writer.add_values(
        "ImageAttributes",
        "SLxImageAttributes",
        {
            "uiWidth": width,
            "uiWidthBytes": row_bytes,
            "uiHeight": height,
            "uiComp": components,
            "uiBpcInMemory": bits,
            "uiBpcSignificant": bits,
            "uiSequenceCount": n + holes,
            "eCompression": 0 if lossless else 2,
            "dCompressionParam": 0.0,
            "ePixelType": 2 if bits == 32 else 1,
        },
    )
    writer.finish()
