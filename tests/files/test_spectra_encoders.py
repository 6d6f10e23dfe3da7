"""Small writers of binary and packed formats for the tests, and that they write what is published.

The readers are not only tested against these: byte-exact fixtures from the specifications stand in
`test_spectra_jcamp` and `test_spectra_binary`.
"""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import numpy as np

from dmdstudio.files.spectra import open_questions, read_measurement
from dmdstudio.plan.structure import Measurement

X = np.linspace(400.0, 4000.0, 181)
Y = 2.5 + 2.0 * np.sin(X / 300.0)


def read(folder: Path, content: str | bytes, block: str = "") -> Measurement:
    """Read a file of this content."""
    path = folder / "spectrum.dat"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_measurement(path, block)


def axis_of(measurement: Measurement) -> np.ndarray:
    """Return the axis of a curve."""
    assert measurement.axis is not None
    return measurement.axis


def asks(measurement: Measurement) -> list[str]:
    """Return which questions are open."""
    return [question.key for question in open_questions(measurement)]


def packed(value: int, first: str) -> str:
    """Write an integer with its first digit as a letter: 12 -> A2 (SQZ), J2 (DIF)."""
    zero, positive, negative = {"SQZ": "@Aa", "DIF": "%Jj"}[first]
    digits = str(abs(value))
    letter = (
        zero if value == 0 else chr(ord(positive if value > 0 else negative) + int(digits[0]) - 1)
    )
    return letter + digits[1:]


def duplicated(tokens: list[str]) -> list[str]:
    """Write runs of equal tokens as one and their number: SSS -> S3."""
    written: list[str] = []
    n = 0
    while n < len(tokens):
        run = 1
        while n + run < len(tokens) and tokens[n + run] == tokens[n]:
            run += 1
        written.append(tokens[n])
        if run > 1:
            digits = str(run)
            written.append("STUVWXYZs"[int(digits[0]) - 1] + digits[1:])
        n += run
    return written


def table(values: np.ndarray, x: np.ndarray, form: str, per_line: int = 9) -> str:
    """Write ordinates as the lines of (X++(Y..Y))."""
    lines = []
    for start in range(0, len(values), per_line):
        part = [int(v) for v in values[start : start + per_line]]
        head = f"{x[start]:.6f}"
        if form == "AFFN":
            body = "".join(f" {v}" for v in part)
        elif form == "PAC":
            body = "".join(f"{v:+d}" for v in part)
        elif form in ("SQZ", "SQZDUP"):
            tokens = [packed(v, "SQZ") for v in part]
            body = "".join(duplicated(tokens) if form == "SQZDUP" else tokens)
        else:
            # Each line begins with the last ordinate of the line above, as a check.
            chain = part if start == 0 else [int(values[start - 1]), *part]
            head = f"{x[start - 1 if start else 0]:.6f}"
            steps = [packed(b - a, "DIF") for a, b in itertools.pairwise(chain)]
            body = packed(chain[0], "SQZ")
            body += "".join(duplicated(steps) if form == "DIFDUP" else steps)
        lines.append(head + body)
    if form in ("DIF", "DIFDUP"):
        lines.append(f"{x[-1]:.6f}{packed(int(values[-1]), 'SQZ')}")
    return "\n".join(lines)


def jcamp(
    values: np.ndarray,
    first: float,
    last: float,
    form: str = "DIFDUP",
    factor: float = 1e-4,
    **more,
) -> str:
    """Write integers as a JCAMP-DX file of one spectrum."""
    x = np.linspace(first, last, len(values))
    records = {
        "TITLE": "test",
        "JCAMP-DX": "4.24 $$ by hand",
        "DATA TYPE": "INFRARED SPECTRUM",
        "ORIGIN": "nowhere",
        "OWNER": "nobody",
        "XUNITS": "1/CM",
        "YUNITS": "ABSORBANCE",
        "XFACTOR": "1.0",
        "YFACTOR": repr(factor),
        "FIRSTX": repr(first),
        "LASTX": repr(last),
        "NPOINTS": str(len(values)),
        "FIRSTY": repr(values[0] * factor),
    } | {key.replace("_", " "): text for key, text in more.items()}
    head = "\n".join(f"##{key}= {text}" for key, text in records.items() if text is not None)
    return f"{head}\n##XYDATA= (X++(Y..Y))\n{table(values, x, form)}\n##END=\n"


def jcamp_pairs(x: np.ndarray, y: np.ndarray) -> str:
    """Write pairs as a JCAMP-DX file."""
    pairs = "\n".join(f"{a!r}, {b!r}; " for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return (
        "##TITLE= pairs\n##JCAMP-DX= 5.00\n##DATA TYPE= RAMAN SPECTRUM\n##XUNITS= 1/CM\n"
        f"##YUNITS= ARBITRARY UNITS\n##NPOINTS= {len(x)}\n##XYPOINTS= (XY..XY)\n{pairs}\n##END=\n"
    )


def opus_type(part: int, side: int, status: int, kind: int, derivative: int = 0) -> int:
    """Pack the numbers of a block type."""
    return part | side << 2 | status << 4 | kind << 10 | derivative << 17


def opus_parameters(**values: int | float | str) -> bytes:
    """Write a list of parameters."""
    written = b""
    for name, value in values.items():
        if isinstance(value, int):
            kind, body = 0, struct.pack("<i", value)
        elif isinstance(value, float):
            kind, body = 1, struct.pack("<d", value)
        else:
            body = value.encode("latin-1") + b"\0"
            kind, body = 2, body + b"\0" * (len(body) % 2)
        written += name.encode() + b"\0" + struct.pack("<HH", kind, len(body) // 2) + body
    written += b"END\0" + struct.pack("<HH", 0, 0)
    return written + b"\0" * (-len(written) % 4)


def opus(
    spectra: list[tuple[int, int, np.ndarray, float, float]], unit: str = "WN", **more
) -> bytes:
    """Write an OPUS file; each spectrum is kind, side, values, first and last abscissa."""
    blocks = []
    for kind, side, values, first, last in spectra:
        status = {
            "DPF": 1,
            "NPT": len(values),
            "FXV": float(first),
            "LXV": float(last),
            "CSF": 1.0,
            "MXY": float(max(values)),
            "MNY": float(min(values)),
            "DXU": unit,
        } | more
        data = np.asarray(values, "<f4").tobytes()
        blocks.append((opus_type(3, side, 0, kind), data))
        blocks.append((opus_type(3, side, 1, kind), opus_parameters(**status)))
    blocks.append((opus_type(0, 0, 10, 0), opus_parameters(SNM="ice", CNM="me")))
    start = 24
    place = start + 12 * (len(blocks) + 1)
    directory = struct.pack("<Iii", opus_type(0, 0, 0, 13), 3 * (len(blocks) + 1), start)
    body = b""
    for kind, content in blocks:
        directory += struct.pack("<Iii", kind, len(content) // 4, place + len(body))
        body += content
    head = b"\n\n\xfe\xfe" + struct.pack("<diii", 920622.0, start, 40, len(blocks) + 1)
    return head + directory + body


def spc(
    subfiles: list[np.ndarray],
    first: float,
    last: float,
    kind: str = "float",
    *,
    x: np.ndarray | None = None,
    order: str = "<",
    x_type: int = 1,
    y_type: int = 2,
    labels: bytes = b"",
    exponent: int = 4,
) -> bytes:
    """Write a new-format SPC file: kind is 'float', 'int32' or 'int16'."""
    several = len(subfiles) > 1
    flags = (0x01 if kind == "int16" else 0) | (0x04 if several else 0) | (0x20 if labels else 0)
    flags |= 0x80 if x is not None else 0
    exponent = -128 if kind == "float" else exponent
    head = struct.pack(
        f"{order}BBBbIddIBBBBI",
        flags,
        0x4C if order == ">" else 0x4B,
        4,
        exponent,
        len(subfiles[0]),
        first,
        last,
        len(subfiles),
        x_type,
        y_type,
        0,
        0,
        2020 << 20 | 7 << 16 | 14 << 11,
    )
    head += b"4 cm-1\0".ljust(9, b"\0") + b"FTIR\0".ljust(9, b"\0")
    head = head.ljust(88, b"\0") + b"a comment\0".ljust(130, b"\0") + labels.ljust(30, b"\0")
    body = head.ljust(512, b"\0")
    if x is not None:
        body += np.asarray(x, f"{order}f4").tobytes()
    for n, values in enumerate(subfiles):
        body += struct.pack(f"{order}BbHfffIIf4x", 0, exponent, n, n, n + 1, 0, 0, 0, 0)
        if kind == "float":
            body += np.asarray(values, f"{order}f4").tobytes()
        else:
            bits = 16 if kind == "int16" else 32
            whole = np.round(np.asarray(values) * 2.0 ** (bits - exponent))
            body += whole.astype(f"{order}i{bits // 8}").tobytes()
    return body


def spc_own_axes(pairs: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """Write a new-format SPC file whose subfiles bring their own abscissas, with a directory."""
    body, directory = b"", b""
    for n, (x, y) in enumerate(pairs):
        part = struct.pack("<BbHfffIIf4x", 0, -128, n, n, n + 1, 0, len(x), 0, 0)
        part += np.asarray(x, "<f4").tobytes() + np.asarray(y, "<f4").tobytes()
        directory += struct.pack("<IIf", 512 + len(body), len(part), n)
        body += part
    head = struct.pack(
        "<BBBbIddIBB", 0xC4, 0x4B, 4, -128, 512 + len(body), 0, 0, len(pairs), 13, 12
    )
    return head.ljust(512, b"\0") + body + directory


def spc_old(
    values: np.ndarray, first: float, last: float, exponent: int = 4, bits: int = 32
) -> bytes:
    """Write an old-format SPC file of 32-bit integers, whose words stand in reverse order."""
    flags = 0x01 if bits == 16 else 0
    head = struct.pack(
        "<BBhfffBBHBBBB", flags, 0x4D, exponent, len(values), first, last, 1, 2, 1991, 3, 4, 5, 6
    )
    head = head.ljust(64, b"\0") + b"old\0".ljust(130, b"\0")
    head = head.ljust(256, b"\0")
    whole = np.round(np.asarray(values) * 2.0 ** (bits - exponent)).astype(f"<i{bits // 8}")
    if bits == 16:
        return head + whole.tobytes()
    words = whole.view("<u2").reshape(-1, 2)[:, ::-1]
    return head + words.tobytes()


def test_the_packed_forms_are_those_of_the_standard():
    """McDonald and Wilks 1988, table VIIb: 1 2 3 3 2 1 0 -1 -2 -3 in every form."""
    values = [1, 2, 3, 3, 2, 1, 0, -1, -2, -3]
    assert "".join(packed(v, "SQZ") for v in values) == "ABCCBA@abc"
    steps = [packed(b - a, "DIF") for a, b in itertools.pairwise(values)]
    assert "".join(steps) == "JJ%jjjjjj"
    assert "".join(duplicated(steps)) == "JT%jX"


def test_the_types_of_opus_are_those_seen_in_files():
    assert opus_type(3, 3, 0, 4) == 0x100F  # absorbance
    assert opus_type(3, 3, 1, 4) == 0x101F  # its status
    assert opus_type(3, 1, 0, 1) == 0x0407  # single channel of the sample
