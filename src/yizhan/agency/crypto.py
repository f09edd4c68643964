"""All cryptography of the agency: seals, lookup hashes, digests, and the keys that they need.

    suite.keyid.nonce.ct.tag          a sealed value, ASCII; nonce, ct and tag in base64url without padding

A sealed value (密文) is bound to its purpose, the column that it belongs to, and if the caller says so to its row: moved
to another place it does not open. Two seals of one text differ, so equal persons do not show. What has to be found again
is stored a second time as a lookup hash (检索摘要), under a key of its own, again per purpose.

The key file names its profile: `international` seals with AES-256-GCM and looks up with HMAC-SHA-256, `sm` (国密) with
SM4-CTR + HMAC-SM3 and HMAC-SM3. Whatever the profile, every known suite opens, so a profile is changed by a rotation.
SM4-GCM is not used: many builds of OpenSSL have SM4 only in the older modes. The lookup hash keeps the algorithm with which
its key was made, because hashes made with another would find nobody.

Everything below works without Django when `using` is given; without it, `keys()` reads the file that the settings name.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from yizhan.agency import sm2
from yizhan.errors import InputProblem, Problem, Unreadable, Unwritable

SECRET_BYTES = 32
CREDENTIAL = "yizhan-keys"
"""Name of the key file among the credentials of systemd: `LoadCredential=yizhan-keys:…`."""


# --- What may go wrong ------------------------------------------------------------------------------------------------


class SealBroken(Problem):
    """A sealed value that does not open. Says nothing of its content."""

    code = "seal_broken"
    zh = "“{purpose}”里有一个加密的值打不开：{why_zh}。请不要改动这一行，并报告系统管理员。"
    en = "a sealed value of “{purpose}” does not open: {why_en}. Leave the row as it is and tell the system administrator."


class KeyMissing(SealBroken):
    code = "key_missing"
    zh = "“{purpose}”里有一个值是用密钥 {key_id} 加密的，密钥文件里没有它；请用备份恢复完整的密钥文件。"
    en = "a value of “{purpose}” was sealed with key {key_id}, which the key file lacks; restore the whole file from backup."


class KeysNeeded(InputProblem):
    code = "keys_needed"
    zh = "没有指定密钥文件：请生成一个，并用 YIZHAN_KEY_FILE 或 systemd 的 LoadCredential=yizhan-keys 指明。"
    en = "no key file is named: make one, and name it by YIZHAN_KEY_FILE or systemd's LoadCredential=yizhan-keys."


class KeyFileExposed(InputProblem):
    code = "key_file_exposed"
    zh = "密钥文件 {name} 的权限是 {mode}，别人也能读；请改为 0400，并更换其中的密钥。"
    en = "the key file {name} has mode {mode}, so others can read it; make it 0400 and rotate its keys."


class KeyFileExists(InputProblem):
    code = "key_file_exists"
    zh = "密钥文件 {name} 已经存在，不会覆盖：覆盖以后，已加密的数据就再也打不开。要换密钥请轮换。"
    en = (
        "the key file {name} exists and is never overwritten, or what it sealed could not be opened. Rotate it instead."
    )


class BadKeyFile(InputProblem):
    code = "bad_key_file"
    zh = "{name} 不是完好的密钥文件：{why_zh}。请用备份恢复。"
    en = "{name} is not a sound key file: {why_en}. Restore it from backup."


# --- Suites -----------------------------------------------------------------------------------------------------------


class Suite(Protocol):
    """Authenticated encryption under one key. `open` raises InvalidTag when anything was changed."""

    def seal(self, plain: bytes, about: bytes) -> tuple[bytes, bytes, bytes]: ...

    def open(self, nonce: bytes, ct: bytes, tag: bytes, about: bytes) -> bytes: ...


class _Aes256Gcm:
    """AES-256-GCM with a random nonce of 96 bits: at most 2³² seals under one key."""

    NONCE, TAG = 12, 16

    def __init__(self, secret: bytes) -> None:
        self._aead = AESGCM(_derive(secret, "aes256gcm", 32, hashes.SHA256()))

    def seal(self, plain: bytes, about: bytes) -> tuple[bytes, bytes, bytes]:
        nonce = secrets.token_bytes(self.NONCE)
        both = self._aead.encrypt(nonce, plain, about)
        return nonce, both[: -self.TAG], both[-self.TAG :]

    def open(self, nonce: bytes, ct: bytes, tag: bytes, about: bytes) -> bytes:
        if (len(nonce), len(tag)) != (self.NONCE, self.TAG):
            raise InvalidTag
        return self._aead.decrypt(nonce, ct + tag, about)


class _Sm4CtrHmacSm3:
    """SM4-CTR, then HMAC-SM3 over purpose, nonce and ciphertext; the two keys are derived apart."""

    NONCE, TAG = 16, 32

    def __init__(self, secret: bytes) -> None:
        both = _derive(secret, "sm4ctr-hmacsm3", 48, hashes.SM3())
        self._cipher = algorithms.SM4(both[:16])
        self._mac = HMAC(both[16:], hashes.SM3())

    def seal(self, plain: bytes, about: bytes) -> tuple[bytes, bytes, bytes]:
        nonce = secrets.token_bytes(self.NONCE)
        encryptor = Cipher(self._cipher, modes.CTR(nonce)).encryptor()
        ct = encryptor.update(plain) + encryptor.finalize()
        return nonce, ct, self._tag(nonce, ct, about)

    def open(self, nonce: bytes, ct: bytes, tag: bytes, about: bytes) -> bytes:
        if len(nonce) != self.NONCE or not same_bytes(tag, self._tag(nonce, ct, about)):
            raise InvalidTag
        decryptor = Cipher(self._cipher, modes.CTR(nonce)).decryptor()
        return decryptor.update(ct) + decryptor.finalize()

    def _tag(self, nonce: bytes, ct: bytes, about: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(_joined(about, nonce, ct))
        return mac.finalize()


SUITES: Mapping[str, Callable[[bytes], Suite]] = {"aes256gcm": _Aes256Gcm, "sm4ctr-hmacsm3": _Sm4CtrHmacSm3}


@dataclass(frozen=True, slots=True)
class Profile:
    """Which algorithms new keys are made for."""

    suite: str
    lookup: str


PROFILES: Mapping[str, Profile] = {
    "international": Profile("aes256gcm", "hmac-sha256"),
    "sm": Profile("sm4ctr-hmacsm3", "hmac-sm3"),
}
_LOOKUP_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "hmac-sha256": hashes.SHA256,
    "hmac-sm3": hashes.SM3,
}


def _derive(secret: bytes, use: str, length: int, algorithm: hashes.HashAlgorithm) -> bytes:
    """A key for one use; knowing it tells nothing of the secret, nor of the key for another use."""
    return HKDF(algorithm=algorithm, length=length, salt=None, info=f"yizhan {use}".encode()).derive(secret)


def _joined(*pieces: bytes) -> bytes:
    """Pieces in one row, each led by its length, so that no two lists of pieces give the same bytes."""
    return b"".join(len(piece).to_bytes(8, "big") + piece for piece in pieces)


# --- Digests ----------------------------------------------------------------------------------------------------------


def digest(data: bytes) -> bytes:
    """SHA-256: 32 bytes. For content that is public or kept elsewhere; identifiers need `lookup`, which has a key."""
    return sha256(data).digest()


def sm3(data: bytes) -> bytes:
    """SM3 (GB/T 32905): 32 bytes."""
    hashing = hashes.Hash(hashes.SM3())
    hashing.update(data)
    return hashing.finalize()


def same_bytes(one: bytes, other: bytes) -> bool:
    """Equality whose duration does not tell where the two differ."""
    return hmac.compare_digest(one, other)


# --- What hospitals' interfaces prescribe ------------------------------------------------------------------------------


class CipherMachine(Protocol):
    """What signs and encrypts messages of hospitals: our software, or a certified cipher machine（密码机）.

    A bureau that has one names a class of these methods in YIZHAN_CIPHER_MACHINE; keys are then handles that the machine knows.
    """

    def hmac_sha1(self, key: bytes, data: bytes) -> bytes: ...

    def hmac_sm3(self, key: bytes, data: bytes) -> bytes: ...

    def sm2_verify(self, public: bytes, user: bytes, data: bytes, signature: bytes) -> bool: ...

    def sm4_seal(self, key: bytes, plain: bytes) -> bytes: ...

    def sm4_open(self, key: bytes, sealed: bytes) -> bytes: ...


class SoftwareMachine:
    """The same in software. HMAC-SHA-1 and SM4-ECB only because systems that hospitals already have prescribe them."""

    def hmac_sha1(self, key: bytes, data: bytes) -> bytes:
        """20 bytes."""
        return hmac.digest(key, data, "sha1")

    def hmac_sm3(self, key: bytes, data: bytes) -> bytes:
        """32 bytes."""
        mac = HMAC(key, hashes.SM3())
        mac.update(data)
        return mac.finalize()

    def sm2_verify(self, public: bytes, user: bytes, data: bytes, signature: bytes) -> bool:
        """Whether a signature（GB/T 32918.2, with SM3）is of the holder of a public key; `user` is the signer's id."""
        return sm2.verify(public, sm2.digest(public, user, data, sm3), signature)

    def sm4_seal(self, key: bytes, plain: bytes) -> bytes:
        """SM4-ECB with PKCS7 padding."""
        padder = PKCS7(128).padder()
        encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
        return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

    def sm4_open(self, key: bytes, sealed: bytes) -> bytes:
        """The plain bytes. Raises ValueError: not sealed with this key."""
        decryptor = Cipher(algorithms.SM4(key), modes.ECB()).decryptor()
        unpadder = PKCS7(128).unpadder()
        return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()


def sm2_public_of(private: int) -> bytes:
    """The public key of a private one: 64 bytes."""
    return sm2.public_of(private)


def sm2_is_public(public: bytes) -> bool:
    """Whether these bytes are a public key: a point of the curve."""
    return sm2.is_public(public)


def sm2_signed(private: int, user: bytes, data: bytes) -> bytes:
    """A signature（r and s）of 64 bytes, for playing a hospital's system: not for keys that others may not know (`sm2`)."""
    return sm2.sign(private, sm2.digest(sm2.public_of(private), user, data, sm3))


@lru_cache(maxsize=4)
def _machine(name: str) -> CipherMachine:
    if not name:
        return SoftwareMachine()
    from django.utils.module_loading import import_string

    made: CipherMachine = import_string(name)()
    return made


def machine() -> CipherMachine:
    """The cipher machine that the settings name, else our software."""
    from django.conf import settings

    return _machine(getattr(settings, "YIZHAN_CIPHER_MACHINE", ""))


# --- Keys -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A secret that seals under one suite."""

    key_id: str
    suite: str
    made_on: date
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LookupKey:
    """The secret of the lookup hashes, and their algorithm."""

    algorithm: str
    made_on: date
    secret: bytes = field(repr=False)


class Keys:
    """Keys in memory: what seals, unseals and looks up. Safe to share between threads; prints no secret."""

    def __init__(self, encryption: Iterable[EncryptionKey], current: str, lookup: LookupKey) -> None:
        self.encryption = {key.key_id: key for key in encryption}
        self.current = self.encryption[current]
        self.lookup_key = lookup
        self._suites = {key.key_id: SUITES[key.suite](key.secret) for key in self.encryption.values()}
        self._lookups: dict[str, HMAC] = {}

    def __repr__(self) -> str:
        return f"<Keys {', '.join(self.encryption)}; current {self.current.key_id}>"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled: they would travel with the pickle")

    def seal(self, plain: str, *, purpose: str, row: str = "") -> str:
        """A text, sealed for a column (`person.id_number`) and, if given, a row of it."""
        key = self.current
        head = f"{key.suite}.{key.key_id}"
        about = _joined(head.encode(), purpose.encode(), row.encode())
        return ".".join([head, *map(_packed, self._suites[key.key_id].seal(plain.encode(), about))])

    def unseal(self, sealed: str, *, purpose: str, row: str = "") -> str:
        """The text again. Raises SealBroken: altered, or of another column or row; KeyMissing: sealed with a key not held."""
        try:
            suite, key_id, *rest = sealed.split(".")
            nonce, ct, tag = map(_unpacked, rest)
        except ValueError:
            raise SealBroken(
                purpose=purpose, why_zh="它不是完整的密文", why_en="it is not a whole sealed value"
            ) from None
        key = self.encryption.get(key_id)
        if key is None and suite in SUITES and _KEY_ID.fullmatch(key_id):
            raise KeyMissing(purpose=purpose, key_id=key_id)
        try:
            if key is None or key.suite != suite:
                raise InvalidTag
            about = _joined(f"{suite}.{key_id}".encode(), purpose.encode(), row.encode())
            return self._suites[key_id].open(nonce, ct, tag, about).decode()
        except InvalidTag:
            raise SealBroken(
                purpose=purpose,
                why_zh="它被改动过，或者属于别的栏、别的行",
                why_en="it was altered, or belongs to another column or row",
            ) from None

    def needs_resealing(self, sealed: str) -> bool:
        """Whether a value was sealed with a key that is no longer the current one."""
        return not sealed.startswith(self.current_head)

    @property
    def current_head(self) -> str:
        """How every value sealed with the current key begins: what a rotation job leaves out."""
        return f"{self.current.suite}.{self.current.key_id}."

    def lookup(self, value: str, purpose: str) -> bytes:
        """32 bytes by which a value is found in the columns of this purpose. Normalise the value before."""
        return self.lookups([value], purpose)[0]

    def lookups(self, values: Iterable[str], purpose: str) -> list[bytes]:
        """The lookup hash of each value, in their order."""
        if purpose not in self._lookups:
            algorithm = _LOOKUP_HASHES[self.lookup_key.algorithm]()
            secret = _derive(self.lookup_key.secret, f"lookup {purpose}", 32, algorithm)
            self._lookups[purpose] = HMAC(secret, algorithm)
        start = self._lookups[purpose].copy
        found = []
        for value in values:
            mac = start()  # a copy of a keyed HMAC costs a third of keying it again
            mac.update(value.encode())
            found.append(mac.finalize())
        return found

    def mac(self, value: str, purpose: str) -> bytes:
        """32 bytes that only a holder of the keys can make of this value: what is printed with them can be proved ours.

        The key is derived from the lookup key, which is never rotated in place, so what was printed verifies for ever.
        """
        algorithm = _LOOKUP_HASHES[self.lookup_key.algorithm]()
        mac = HMAC(_derive(self.lookup_key.secret, f"mac {purpose}", 32, algorithm), algorithm)
        mac.update(value.encode())
        return mac.finalize()


def _packed(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    """Raises ValueError also for the other spellings that base64 allows: one value has one sealed form."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _packed(data) != text:
        raise ValueError("not in canonical form")
    return data


def seal(plain: str, *, purpose: str, row: str = "", using: Keys | None = None) -> str:
    """`Keys.seal` with the keys of the settings."""
    return (using or keys()).seal(plain, purpose=purpose, row=row)


def unseal(sealed: str, *, purpose: str, row: str = "", using: Keys | None = None) -> str:
    """`Keys.unseal` with the keys of the settings."""
    return (using or keys()).unseal(sealed, purpose=purpose, row=row)


def lookup(value: str, purpose: str, *, using: Keys | None = None) -> bytes:
    """`Keys.lookup` with the keys of the settings."""
    return (using or keys()).lookup(value, purpose)


def lookups(values: Iterable[str], purpose: str, *, using: Keys | None = None) -> list[bytes]:
    """`Keys.lookups` with the keys of the settings."""
    return (using or keys()).lookups(values, purpose)


def mac(value: str, purpose: str, *, using: Keys | None = None) -> bytes:
    """`Keys.mac` with the keys of the settings."""
    return (using or keys()).mac(value, purpose)


# --- Where keys come from ---------------------------------------------------------------------------------------------


class KeyProvider(Protocol):
    """Something that holds keys: a file, the credentials of systemd, a cipher machine."""

    def load(self) -> Keys: ...


@dataclass(frozen=True, slots=True)
class FileKeys:
    """A key file. systemd grants its credentials by an access list, which shows as a readable group: allow it there only."""

    path: Path
    group_may_read: bool = False

    def load(self) -> Keys:
        """Raises Unreadable, KeyFileExposed, BadKeyFile."""
        try:
            with self.path.open(encoding="ascii", errors="replace") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
                text = file.read()
        except OSError as error:
            raise Unreadable(at=str(self.path), why=error.strerror) from None
        if os.name == "posix" and mode & (0o007 if self.group_may_read else 0o077):
            raise KeyFileExposed(name=self.path.name, mode=f"{mode:04o}")
        return _read(text, self.path.name)


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """The keys of the demonstration, which everybody knows. Its key id never stands in a file, so nothing mixes."""

    profile: str = "international"

    def load(self) -> Keys:
        profile = PROFILES[self.profile]
        made = date(2000, 1, 1)
        return Keys(
            [EncryptionKey(_DEMO_ID, profile.suite, made, digest(b"yizhan demonstration: encryption"))],
            _DEMO_ID,
            LookupKey(profile.lookup, made, digest(b"yizhan demonstration: lookup")),
        )


def provider(key_file: str, environ: Mapping[str, str], *, demo: bool = False) -> FileKeys | DemoKeys:
    """The file that was named, else the credential of systemd, else, in the demonstration only, known keys.

    Raises KeysNeeded: none of them.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    credential = Path(folder) / CREDENTIAL if folder else None
    if key_file:
        path = Path(key_file)
        return FileKeys(path, group_may_read=credential is not None and path == credential)
    if credential is not None and credential.exists():
        return FileKeys(credential, group_may_read=True)
    if demo:
        return DemoKeys()
    raise KeysNeeded


def keys() -> Keys:
    """The keys that Django's settings name (YIZHAN_KEY_FILE, DEMO), read once for each state of the file.

    A file that was rotated is read again at the next call, so a running server opens what a new key sealed. Raises
    KeysNeeded, Unreadable, KeyFileExposed, BadKeyFile.
    """
    from django.conf import settings

    source = provider(settings.YIZHAN_KEY_FILE, os.environ, demo=getattr(settings, "DEMO", False) is True)
    if not isinstance(source, FileKeys):
        return _loaded(source, ())
    try:
        state = source.path.stat()
    except OSError as error:
        raise Unreadable(at=str(source.path), why=error.strerror) from None
    return _loaded(source, (state.st_ino, state.st_mtime_ns, state.st_size, state.st_mode))


@lru_cache(maxsize=4)
def _loaded(source: FileKeys | DemoKeys, state: tuple[int, ...]) -> Keys:
    return source.load()


# --- The key file -----------------------------------------------------------------------------------------------------

_FORMAT = "yizhan-keys-1"
_DEMO_ID = "demo"
_KEY_ID = re.compile(r"[a-z0-9]{1,16}")


def generate(path: Path, *, today: date | None = None, profile: str = "international") -> Keys:
    """Make a key file with mode 0400, whole or not at all. Raises KeyFileExists (never overwrites), Unwritable."""
    chosen, today = PROFILES[profile], today or date.today()
    first = _new_key(chosen.suite, today)
    made = Keys([first], first.key_id, LookupKey(chosen.lookup, today, secrets.token_bytes(SECRET_BYTES)))
    with _writing(path), _draft(path, _written(made)) as draft:
        try:
            path.hardlink_to(draft)  # unlike a rename, refuses a name that exists
        except FileExistsError:
            raise KeyFileExists(name=path.name) from None
    return made


def rotate(path: Path, *, today: date | None = None, profile: str | None = None) -> Keys:
    """Add an encryption key and make it the current one; the old ones stay, to open what they sealed.

    `profile` changes the suite of new seals; without it the suite stays. The lookup key never changes: every lookup hash
    would have to change with it. Two rotations at once follow each other. Raises Unwritable and what `FileKeys.load` raises.
    """
    today = today or date.today()
    with _writing(path):
        old = FileKeys(path).load()
        new = _new_key(PROFILES[profile].suite if profile else old.current.suite, today)
        while new.key_id in old.encryption:
            new = _new_key(new.suite, today)
        made = Keys([*old.encryption.values(), new], new.key_id, old.lookup_key)
        owner = path.stat()
        with _draft(path, _written(made)) as draft:
            if owner.st_uid != os.geteuid():  # root rotates the file of the service, which must stay able to read it
                os.chown(draft, owner.st_uid, owner.st_gid)
            draft.replace(path)
    return made


def _new_key(suite: str, today: date) -> EncryptionKey:
    return EncryptionKey(f"k{secrets.token_hex(3)}", suite, today, secrets.token_bytes(SECRET_BYTES))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """The folder, locked against a second writer and flushed at the end. Raises Unwritable."""
    import fcntl  # not on Windows, where keys are read but not made

    try:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unwritable(at=str(path), why=error.strerror) from None


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """The new content beside the file, on the disk and readable by its owner alone; gone at the end."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _written(made: Keys) -> str:
    body = {
        "format": _FORMAT,
        "current": made.current.key_id,
        "encryption": {
            key.key_id: {"suite": key.suite, "made_on": key.made_on.isoformat(), "secret": _packed(key.secret)}
            for key in made.encryption.values()
        },
        "lookup": {
            "algorithm": made.lookup_key.algorithm,
            "made_on": made.lookup_key.made_on.isoformat(),
            "secret": _packed(made.lookup_key.secret),
        },
    }
    return json.dumps(body, indent=2) + "\n"


def _read(text: str, name: str) -> Keys:
    """Raises BadKeyFile, in words that show nothing of the file."""
    try:
        body = json.loads(text)
        if body["format"] != _FORMAT:
            raise BadKeyFile(name=name, why_zh="格式不认识", why_en="its format is not known")
        encryption = [
            EncryptionKey(key_id, key["suite"], date.fromisoformat(key["made_on"]), _secret(key["secret"]))
            for key_id, key in body["encryption"].items()
        ]
        kept = body["lookup"]
        lookup_key = LookupKey(kept["algorithm"], date.fromisoformat(kept["made_on"]), _secret(kept["secret"]))
        if any(not _KEY_ID.fullmatch(key.key_id) or key.key_id == _DEMO_ID for key in encryption):
            raise BadKeyFile(name=name, why_zh="有一个密钥编号不能用", why_en="one of its key ids is not allowed")
        if lookup_key.algorithm not in _LOOKUP_HASHES:
            raise BadKeyFile(name=name, why_zh="检索摘要的算法不认识", why_en="its lookup algorithm is not known")
        if any(same_bytes(key.secret, lookup_key.secret) for key in encryption):
            raise BadKeyFile(
                name=name, why_zh="检索密钥与加密密钥相同", why_en="the lookup key is also an encryption key"
            )
        return Keys(encryption, body["current"], lookup_key)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadKeyFile(name=name, why_zh="内容缺失或损坏", why_en="something is missing or damaged") from None


def _secret(text: str) -> bytes:
    secret = _unpacked(text)
    if len(secret) != SECRET_BYTES:
        raise ValueError("a secret of another length")
    return secret


# --- Inventory --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """One algorithm in one use, as an assessor asks for it."""

    use_zh: str
    use_en: str
    algorithm: str
    key: str
    made_by: str
    rotation: str


REGISTRY: tuple[Use, ...] = (
    Use("敏感字段加密（international）", "sealed columns, profile `international`", "AES-256-GCM, random 96-bit nonce",
        "256 bit, by HKDF-SHA-256 from a key of the key file", "`agency.crypto`", "yearly, and on suspicion; at the latest after 2³² seals"),
    Use("敏感字段加密（sm）", "sealed columns, profile `sm`", "SM4-CTR (GB/T 32907), then HMAC-SM3 (GB/T 32905); random 128-bit nonce",
        "128 bit + 256 bit, by HKDF-SM3 from a key of the key file", "`agency.crypto`", "yearly, and on suspicion"),
    Use("检索摘要（international）", "lookup hashes, profile `international`", "HMAC-SHA-256",
        "256 bit for each purpose, by HKDF-SHA-256 from the lookup key", "`agency.crypto`", "never in place: all hashes would change with it"),
    Use("检索摘要（sm）", "lookup hashes, profile `sm`", "HMAC-SM3",
        "256 bit for each purpose, by HKDF-SM3 from the lookup key", "`agency.crypto`", "never in place: all hashes would change with it"),
    Use("核验码", "codes that prove a printed bill or relief certificate genuine", "HMAC-SHA-256 or HMAC-SM3, as the lookup hashes; the first 128 bits",
        "256 bit for each purpose, by HKDF from the lookup key", "`agency.crypto`", "never in place: what was printed would no longer verify"),
    Use("内容摘要", "digests of files and records", "SHA-256 or SM3", "none", "`agency.crypto`", "–"),
    Use("政策与结果摘要", "digests of policy documents, settlements and compiled code", "SHA-256", "none", "`policy`, `engine`, `exchange`, `batch`", "–"),
    Use("医院接口签名（csb）", "signatures of hospitals' messages, profile `csb`", "HMAC-SHA-1, as the service bus prescribes it",
        "256 bit for each institution, sealed", "`agency.crypto`", "`./yizhan access`; the former key holds for a while"),
    Use("医院接口签名（tif）", "signatures of hospitals' messages, profile `tif`", "SHA-256 over time, token, nonce, time, as prescribed",
        "256 bit for each institution, sealed", "`agency.crypto`", "the same"),
    Use("医院接口签名（ca）", "signatures of hospitals' messages, profile `ca`", "HMAC-SM3 over time and body", "256 bit for each institution, sealed",
        "`agency.crypto`", "the same"),
    Use("医院接口签名（token）", "signatures of hospitals' messages, profile `token`", "SM2 with SM3 (GB/T 32918.2)", "the hospital's own 256-bit key; we hold the public one",
        "`agency.sm2`", "when the hospital changes it"),
    Use("医院接口加密（token）", "bodies of messages, profile `token`", "SM4-ECB, PKCS7, as prescribed: it hides nothing from whoever knows the client id; TLS does",
        "128 bit: the client id", "`agency.crypto`", "with the client id"),
    Use("口令", "passwords", "Argon2id with Django's parameters", "none; a random salt for each password", "Django, argon2-cffi", "upgraded at sign-in"),
    Use("动态口令", "one-time passwords (TOTP, RFC 6238)", "HMAC-SHA-1, as authenticator apps expect", "160 bit for each officer, sealed",
        "pyotp", "when an officer enrols again"),
    Use("会话与表单签名", "signatures of cookies and forms", "HMAC-SHA-256", "the secret of YIZHAN_SECRET_FILE", "Django", "yearly; ends all sessions"),
    Use("随机数", "nonces, keys, tokens", "the operating system's generator, by `secrets`", "–", "Python", "–"),
)  # fmt: skip
"""Every algorithm in use. docs/crypto.md shows it."""


def inventory() -> str:
    """The registry as the table of docs/crypto.md."""
    rows = ["| 用途 | use | algorithm | key | by | rotation |", "|---|---|---|---|---|---|"]
    rows += [f"| {u.use_zh} | {u.use_en} | {u.algorithm} | {u.key} | {u.made_by} | {u.rotation} |" for u in REGISTRY]
    return "\n".join(rows) + "\n"
