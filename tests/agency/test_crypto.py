"""Sealed values, lookup hashes and the key file."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
import stat
import threading
from datetime import date
from pathlib import Path

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from yizhan.agency import crypto
from yizhan.agency.crypto import (
    CREDENTIAL,
    PROFILES,
    BadKeyFile,
    DemoKeys,
    FileKeys,
    KeyFileExists,
    KeyFileExposed,
    KeyMissing,
    Keys,
    KeysNeeded,
    SealBroken,
)
from yizhan.errors import Problem, Unreadable, Unwritable

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 3, 1)
PURPOSE = "person.id_number"
NUMBER = "990000195001010019"
KEYS = {profile: DemoKeys(profile).load() for profile in PROFILES}

both_profiles = pytest.mark.parametrize("profile", PROFILES)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    crypto.generate(path, today=TODAY)
    return path


# --- Seals ------------------------------------------------------------------------------------------------------------


@both_profiles
@given(plain=st.text(), purpose=st.text(max_size=20), row=st.text(max_size=20))
def test_what_was_sealed_opens_for_its_column_and_row(profile: str, plain: str, purpose: str, row: str) -> None:
    sealed = KEYS[profile].seal(plain, purpose=purpose, row=row)
    assert sealed.isascii() and sealed.count(".") == 4
    assert KEYS[profile].unseal(sealed, purpose=purpose, row=row) == plain


@both_profiles
def test_sealing_twice_gives_two_values(profile: str) -> None:
    assert len({KEYS[profile].seal(NUMBER, purpose=PURPOSE) for _ in range(50)}) == 50


@both_profiles
def test_every_flipped_bit_is_refused(profile: str) -> None:
    keys = KEYS[profile]
    sealed = keys.seal(NUMBER, purpose=PURPOSE).encode()
    for place in range(len(sealed)):
        for bit in range(8):
            altered = bytearray(sealed)
            altered[place] ^= 1 << bit
            with pytest.raises(SealBroken):
                keys.unseal(altered.decode("latin-1"), purpose=PURPOSE)


@both_profiles
@given(data=st.data())
def test_cut_joined_and_swapped_pieces_are_refused(profile: str, data: st.DataObject) -> None:
    keys = KEYS[profile]
    sealed = keys.seal(NUMBER, purpose=PURPOSE)
    other = keys.seal("990000195001010027", purpose=PURPOSE)
    piece = data.draw(st.integers(2, 4))
    mixed = [b if k == piece else a for k, (a, b) in enumerate(zip(sealed.split("."), other.split("."), strict=True))]
    cut = data.draw(st.integers(0, len(sealed) - 1))
    for altered in (".".join(mixed), sealed[:cut], sealed + "A", f"{sealed}.", "." + sealed, sealed + "="):
        with pytest.raises(SealBroken):
            keys.unseal(altered, purpose=PURPOSE)


@given(text=st.one_of(st.text(), st.from_regex(r"\A[a-z0-9-]+\.[a-z0-9]+\.[\w-]*\.[\w-]*\.[\w-]*\Z")))
def test_what_is_no_seal_is_refused_in_words(text: str) -> None:
    with pytest.raises(SealBroken):
        KEYS["sm"].unseal(text, purpose=PURPOSE)


@both_profiles
@pytest.mark.parametrize(
    ("purpose", "row"), [("person.phone", "7"), (PURPOSE, "8"), (PURPOSE, ""), (PURPOSE + "7", ""), ("", PURPOSE + "7")]
)
def test_a_value_moved_to_another_column_or_row_does_not_open(profile: str, purpose: str, row: str) -> None:
    sealed = KEYS[profile].seal(NUMBER, purpose=PURPOSE, row="7")
    with pytest.raises(SealBroken) as refusal:
        KEYS[profile].unseal(sealed, purpose=purpose, row=row)
    assert not isinstance(refusal.value, KeyMissing)


@both_profiles
def test_a_value_under_a_lost_key_names_the_key(profile: str, tmp_path: Path) -> None:
    one = crypto.generate(tmp_path / "one", today=TODAY, profile=profile)
    other = crypto.generate(tmp_path / "other", today=TODAY, profile=profile)
    sealed = one.seal(NUMBER, purpose=PURPOSE)
    with pytest.raises(KeyMissing) as refusal:
        other.unseal(sealed, purpose=PURPOSE)
    assert one.current.key_id in str(refusal.value)
    assert sealed not in refusal.value.text("zh") + refusal.value.text("en")


@pytest.mark.parametrize(
    ("profile", "sealed"),
    [
        (
            "international",
            "aes256gcm.demo.pMHoFqaYE2Ftrhmw.uprdCnohMnZyWYT4zdl8JZ_Z.xp5_rAcSoP3mbJEKTI9-sA",
        ),
        (
            "sm",
            "sm4ctr-hmacsm3.demo.UKnXx13EB0mDaY4AVD42zA.tsi3XGIXWry4TYl9J4jzV4FD.i2EE5ihUGh9SLManDSdPtHJj8_fPMt552Uu4prK4PSU",
        ),
    ],
)
def test_values_sealed_by_the_first_version_still_open(profile: str, sealed: str) -> None:
    assert KEYS[profile].unseal(sealed, purpose=PURPOSE, row="7") == NUMBER


# --- Lookup hashes and digests ----------------------------------------------------------------------------------------


@both_profiles
@given(values=st.lists(st.text(), max_size=5))
def test_lookups_are_the_lookup_of_each_value(profile: str, values: list[str]) -> None:
    keys = KEYS[profile]
    found = keys.lookups(values, PURPOSE)
    assert found == [keys.lookup(value, PURPOSE) for value in values]
    assert all(len(value) == 32 for value in found) and len(set(found)) == len(set(values))


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("international", "c74ba77d6deecab9b4aaa329419f43771d87d6411d32b2f62630a4da9627e68f"),
        ("sm", "f80ae1f7c7998b780f558e0ca0210654ac0b38b33ce58f9a01ea1ed427d78e17"),
    ],
)
def test_lookup_hashes_never_change(profile: str, expected: str) -> None:
    assert KEYS[profile].lookup(NUMBER, PURPOSE).hex() == expected


def test_the_lookup_hash_is_hkdf_and_hmac_of_the_standard() -> None:
    keys = KEYS["international"]
    extracted = hmac.digest(bytes(32), keys.lookup_key.secret, "sha256")
    derived = hmac.digest(extracted, f"yizhan lookup {PURPOSE}".encode() + b"\x01", "sha256")
    assert keys.lookup(NUMBER, PURPOSE) == hmac.digest(derived, NUMBER.encode(), "sha256")


@both_profiles
def test_one_value_is_hashed_apart_in_each_purpose_and_under_each_key(profile: str, tmp_path: Path) -> None:
    other = crypto.generate(tmp_path / "other", today=TODAY, profile=profile)
    found = {keys.lookup(NUMBER, purpose) for keys in (KEYS[profile], other) for purpose in (PURPOSE, "person.phone")}
    assert len(found) == 4


def test_digests_are_those_of_the_standards() -> None:
    assert crypto.digest(b"abc") == hashlib.sha256(b"abc").digest()
    assert crypto.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert crypto.same_bytes(b"ab", b"ab") and not crypto.same_bytes(b"ab", b"ac")


# --- The key file -----------------------------------------------------------------------------------------------------


@both_profiles
def test_a_generated_file_is_private_and_gives_the_same_keys(profile: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = crypto.generate(path, today=TODAY, profile=profile)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert list(tmp_path.iterdir()) == [path]
    read = FileKeys(path).load()
    assert read.current == made.current and read.lookup_key == made.lookup_key
    assert read.current.suite == PROFILES[profile].suite and read.current.made_on == TODAY
    assert read.unseal(made.seal(NUMBER, purpose=PURPOSE), purpose=PURPOSE) == NUMBER


def test_a_key_file_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(KeyFileExists):
        crypto.generate(key_file, today=TODAY)
    assert key_file.read_bytes() == before and len(list(key_file.parent.iterdir())) == 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="nowhere"):
        crypto.generate(tmp_path / "nowhere" / "keys.json", today=TODAY)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o604, 0o620, 0o602, 0o777])
def test_a_file_that_others_can_reach_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(KeyFileExposed) as refusal:
        FileKeys(key_file).load()
    assert f"{mode:04o}" in refusal.value.text("zh") and f"{mode:04o}" in refusal.value.text("en")
    with pytest.raises(KeyFileExposed):
        crypto.rotate(key_file, today=TODAY)


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_of_the_owner_alone_is_read(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert FileKeys(key_file).load().current


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable):
        FileKeys(tmp_path / name).load()


def test_damaged_files_are_refused_without_showing_a_secret(key_file: Path) -> None:
    whole = json.loads(key_file.read_text(encoding="ascii"))
    secret = whole["lookup"]["secret"]
    key_id = whole["current"]
    damaged = [
        "",
        "[]",
        key_file.read_text(encoding="ascii")[:-20],
        *(json.dumps({k: v for k, v in whole.items() if k != missing}) for missing in whole),
        json.dumps(whole | {"format": "yizhan-keys-9"}),
        json.dumps(whole | {"current": "k000000"}),
        json.dumps(whole | {"encryption": {}}),
        json.dumps(whole | {"encryption": [secret]}),
        json.dumps(whole | {"lookup": whole["lookup"] | {"secret": secret[:-2]}}),
        json.dumps(whole | {"lookup": whole["lookup"] | {"algorithm": "md5"}}),
        json.dumps(whole | {"lookup": whole["lookup"] | {"secret": whole["encryption"][key_id]["secret"]}}),
        json.dumps(whole | {"current": "demo", "encryption": {"demo": whole["encryption"][key_id]}}),
        json.dumps(whole | {"encryption": {key_id: whole["encryption"][key_id] | {"suite": "des"}}}),
        json.dumps(whole | {"encryption": {key_id: whole["encryption"][key_id] | {"made_on": "yesterday"}}}),
    ]
    key_file.chmod(0o600)
    for text in damaged:
        key_file.write_text(text, encoding="ascii")
        with pytest.raises(BadKeyFile) as refusal:
            FileKeys(key_file).load()
        assert secret[:8] not in refusal.value.text("zh") + refusal.value.text("en")


def test_keys_print_no_secret_and_are_not_pickled(key_file: Path) -> None:
    keys = FileKeys(key_file).load()
    for shown in (repr(keys), repr(keys.current), repr(keys.lookup_key), str(vars(keys))):
        for secret in (keys.current.secret, keys.lookup_key.secret):
            assert repr(secret) not in shown and secret.hex() not in shown
    with pytest.raises(TypeError):
        pickle.dumps(keys)


# --- Rotation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", PROFILES)
@pytest.mark.parametrize("after", [None, *PROFILES])
def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key(
    tmp_path: Path, before: str, after: str | None
) -> None:
    path = tmp_path / "keys.json"
    old = crypto.generate(path, today=TODAY, profile=before)
    sealed = old.seal(NUMBER, purpose=PURPOSE)
    crypto.rotate(path, today=date(2027, 3, 1), profile=after)
    new = FileKeys(path).load()
    assert new.current.key_id != old.current.key_id and new.current.suite == PROFILES[after or before].suite
    assert new.unseal(sealed, purpose=PURPOSE) == NUMBER and new.needs_resealing(sealed)
    again = new.seal(NUMBER, purpose=PURPOSE)
    assert not new.needs_resealing(again) and again.startswith(new.current_head)
    assert new.lookup(NUMBER, PURPOSE) == old.lookup(NUMBER, PURPOSE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400 and list(tmp_path.iterdir()) == [path]


def test_rotations_at_once_lose_no_key(key_file: Path) -> None:
    made: list[Keys] = []
    threads = [threading.Thread(target=lambda: made.append(crypto.rotate(key_file, today=TODAY))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = FileKeys(key_file).load()
    assert len(made) == 8 and len(read.encryption) == 9
    assert {keys.current.key_id for keys in made} < set(read.encryption)


# --- Which keys -------------------------------------------------------------------------------------------------------


def test_a_named_file_comes_before_the_credential_and_that_before_demo_keys(tmp_path: Path) -> None:
    crypto.generate(tmp_path / CREDENTIAL, today=TODAY)
    systemd = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert crypto.provider("named", systemd, demo=True) == FileKeys(Path("named"))
    assert crypto.provider("", systemd, demo=True) == FileKeys(tmp_path / CREDENTIAL, group_may_read=True)
    assert crypto.provider("", {"CREDENTIALS_DIRECTORY": str(tmp_path / "x")}, demo=True) == DemoKeys()


def test_without_a_file_only_the_demonstration_has_keys() -> None:
    with pytest.raises(KeysNeeded):
        crypto.provider("", {})


def test_the_access_list_of_systemd_may_show_as_a_group_but_not_as_the_world(tmp_path: Path) -> None:
    path = tmp_path / CREDENTIAL
    crypto.generate(path, today=TODAY)
    path.chmod(0o440)
    source = crypto.provider(str(path), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert source.load().current
    path.chmod(0o444)
    with pytest.raises(KeyFileExposed):
        source.load()


def test_the_settings_name_the_file_and_a_rotation_is_seen_at_once(key_file: Path) -> None:
    with override_settings(YIZHAN_KEY_FILE=str(key_file), DEMO=False):
        sealed = crypto.seal(NUMBER, purpose=PURPOSE)
        assert crypto.keys() is crypto.keys()
        found = crypto.lookup(NUMBER, PURPOSE)
        crypto.rotate(key_file, today=TODAY)
        assert crypto.keys().needs_resealing(sealed)
        assert crypto.unseal(sealed, purpose=PURPOSE) == NUMBER
        assert crypto.lookups([NUMBER], PURPOSE) == [found]
        key_file.chmod(0o644)
        with pytest.raises(KeyFileExposed):
            crypto.keys()


def test_keys_given_are_used_instead_of_those_of_the_settings() -> None:
    with override_settings(YIZHAN_KEY_FILE="", DEMO=False):
        with pytest.raises(KeysNeeded):
            crypto.seal(NUMBER, purpose=PURPOSE)
        sealed = crypto.seal(NUMBER, purpose=PURPOSE, using=KEYS["sm"])
        assert crypto.unseal(sealed, purpose=PURPOSE, using=KEYS["sm"]) == NUMBER


@settings(max_examples=20)
@given(number=st.from_regex(r"\A[1-9][0-9]{17}\Z"))
def test_no_refusal_shows_the_value(number: str) -> None:
    sealed = KEYS["sm"].seal(number, purpose=PURPOSE)
    for attempt in (sealed[:-1], sealed.replace("demo", "k1"), number):
        with pytest.raises(Problem) as refusal:
            KEYS["sm"].unseal(attempt, purpose=PURPOSE)
        assert number not in refusal.value.text("zh") + refusal.value.text("en") + repr(refusal.value)


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_registry() -> None:
    page = (ROOT / "docs/crypto.md").read_text(encoding="utf-8")
    assert crypto.inventory() in page, "put crypto.inventory() into docs/crypto.md"


def test_the_registry_names_every_suite_and_lookup_algorithm() -> None:
    listed = " ".join(use.algorithm.replace("-", "").lower() for use in crypto.REGISTRY)
    for profile in PROFILES.values():
        assert profile.lookup.replace("-", "") in listed
    assert "aes256gcm" in listed and "sm4ctr" in listed
