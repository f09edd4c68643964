"""SM2 signatures（GB/T 32918.1, .2, .5）. Part of `agency.crypto`, through which everybody else calls it.

Verifying handles public values only. `sign` takes time that depends on its secrets, so that it is for playing a hospital's
system on a machine of one's own, and no key of a bureau is ever given to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

Point = tuple[int, int, int]
"""Jacobian coordinates; z = 0 is the point at infinity."""

INFINITY: Point = (1, 1, 0)


def _double(p: Point) -> Point:
    x, y, z = p
    if not z or not y:
        return INFINITY
    square = y * y % P
    s = 4 * x * square % P
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P  # a = p − 3
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * square * square) % P, 2 * y * z % P


def _add(p: Point, q: Point) -> Point:
    if not p[2]:
        return q
    if not q[2]:
        return p
    z1, z2 = p[2] * p[2] % P, q[2] * q[2] % P
    u1, u2 = p[0] * z2 % P, q[0] * z1 % P
    s1, s2 = p[1] * q[2] * z2 % P, q[1] * p[2] * z1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if not h:
        return _double(p) if not r else INFINITY
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, p[2] * q[2] * h % P


def _times(k: int, p: Point) -> Point:
    found = INFINITY
    for bit in bin(k)[2:]:
        found = _double(found)
        if bit == "1":
            found = _add(found, p)
    return found


def _both(k: int, p: Point, m: int, q: Point) -> Point:
    """k·p + m·q in one pass."""
    among = {"01": q, "10": p, "11": _add(p, q)}
    found = INFINITY
    for one, other in zip(f"{k:0256b}", f"{m:0256b}", strict=True):
        found = _double(found)
        if one + other != "00":
            found = _add(found, among[one + other])
    return found


def _affine(p: Point) -> tuple[int, int]:
    inverse = pow(p[2], -1, P)
    square = inverse * inverse % P
    return p[0] * square % P, p[1] * square * inverse % P


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _point(public: bytes) -> tuple[int, int] | None:
    """The point of a public key of 64 bytes, or of 65 that begin with 04; None where it is not on the curve."""
    if len(public) == 65 and public[0] == 4:
        public = public[1:]
    if len(public) != 64:
        return None
    x, y = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
    return (x, y) if max(x, y) < P and (y * y - (x * x * x + A * x + B)) % P == 0 else None


def public_of(private: int) -> bytes:
    """The public key of a private one: 64 bytes."""
    x, y = _affine(_times(private, (*G, 1)))
    return _bytes(x) + _bytes(y)


def is_public(public: bytes) -> bool:
    """Whether these bytes are a public key, with or without the 04 before it."""
    return _point(public) is not None


def digest(public: bytes, user: bytes, data: bytes, sm3: Callable[[bytes], bytes]) -> int:
    """What is signed: SM3 of the signer's id, the curve, the key, and the data."""
    z = (len(user) * 8).to_bytes(2, "big") + user + b"".join(map(_bytes, (A, B, *G))) + public[-64:]
    return int.from_bytes(sm3(sm3(z) + data), "big")


def sign(private: int, e: int, k: int | None = None) -> bytes:
    """r and s, 64 bytes. `k` only to compare with published examples."""
    while True:
        nonce = k or 1 + secrets.randbelow(N - 1)
        r = (e + _affine(_times(nonce, (*G, 1)))[0]) % N
        s = pow(1 + private, -1, N) * (nonce - r * private) % N
        if r and s and r + nonce != N:
            return _bytes(r) + _bytes(s)


def verify(public: bytes, e: int, signature: bytes) -> bool:
    """Whether a signature（r and s, 64 bytes, or both in DER）is right."""
    point, parts = _point(public), _parts(signature)
    if point is None or parts is None:
        return False
    r, s = parts
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    found = _both(s, (*G, 1), t, (*point, 1))
    return bool(found[2]) and (e + _affine(found)[0]) % N == r


def _parts(signature: bytes) -> tuple[int, int] | None:
    if len(signature) == 64:
        return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    # SEQUENCE of two INTEGER, all lengths below 128.
    if len(signature) < 8 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return None
    numbers, rest = [], signature[2:]
    for _ in range(2):
        if len(rest) < 2 or rest[0] != 2 or not 0 < rest[1] <= min(33, len(rest) - 2):
            return None
        numbers.append(int.from_bytes(rest[2 : 2 + rest[1]], "big", signed=True))
        rest = rest[2 + rest[1] :]
    return (numbers[0], numbers[1]) if not rest else None
