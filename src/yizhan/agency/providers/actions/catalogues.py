"""Every write about catalogue versions. Items are loaded by `work.py`; what has been applied is never changed."""

from __future__ import annotations

from datetime import date

from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.desk.logs import masked_text
from yizhan.agency.desk.words import Words
from yizhan.agency.jobs.actions import start
from yizhan.agency.providers import comparing
from yizhan.agency.providers.errors import (
    CatalogueArea,
    CatalogueMoved,
    FileEmpty,
    ReasonMissing,
    VersionExists,
    VersionState,
)
from yizhan.agency.providers.kinds import CATALOGUES
from yizhan.agency.providers.models import Item, Version, VersionFile
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand
from yizhan.errors import Problem, Problems


def import_version(
    content: bytes, *, file_name: str, area: Area, kind: str, from_on: date, document: str, acting_user: Officer
) -> Version:
    """Take in a complete catalogue of one kind (xlsx, csv) that is to hold from a day on, and start reading it.

    Raises NotAllowed, NotFound (area out of scope), Problems (CatalogueArea, VersionExists, FileEmpty).
    """
    demand(acting_user, Right.CATALOGUE_IMPORT)
    with acting(acting_user):
        if kind not in CATALOGUES or not area.path.startswith(acting_user.area_path):
            raise NotFound
        _one_at_a_time(area.pk)
        problems: list[Problem] = []
        if area.level not in ("province", "city"):
            problems.append(CatalogueArea(area_zh=area.name, area_en=area.name_en or area.name))
        if not content:
            problems.append(FileEmpty())
        there = (
            Version.objects.filter(area=area, kind=kind, from_on=from_on)
            .exclude(state__in=["dropped", "unreadable", "withdrawn"])
            .first()
        )
        if there is not None:
            words = there.shown_state.words
            problems.append(VersionExists(from_on=from_on, number=there, state_zh=words.zh, state_en=words.en))
        if problems:
            raise Problems(problems)
        version = Version.objects.create(
            area=area, area_path=area.path, kind=kind, from_on=from_on, document=document.strip()[:120],
            file_name=masked_text(file_name)[-200:], made_by=acting_user,
        )  # fmt: skip
        VersionFile.objects.create(version=version, area_path=area.path, content=content, digest=crypto.digest(content))
        words = CATALOGUES[kind]
        run = start(
            "catalogue.read",
            title=Words(f"读取目录 {version}（{words.zh}）", f"read catalogue {version} ({words.en})"),
            about={"version": version.pk},
            acting_user=acting_user,
        )
        version.run_id = run.pk
        version.save(update_fields=["run_id"])
        record("catalogue.import", version, kind=kind, from_on=from_on, bytes=len(content), acting_user=acting_user)
    return version


def apply(version: Version, *, seen_base: int | None, acting_user: Officer) -> None:
    """Put a version into force from its first day on. `seen_base`: the version with which the reviewer saw it compared.

    Raises NotAllowed, NotFound, VersionState, SamePerson, CatalogueMoved (another version is in force before it by now).
    """
    demand(acting_user, Right.CATALOGUE_APPLY)
    with acting(acting_user):
        version = _locked(version, acting_user, "draft")
        if version.made_by_id == acting_user.pk:
            raise SamePerson
        base = comparing.base_of(version)
        if (base.pk if base else None) != seen_base or seen_base != version.compared_with_id:
            raise CatalogueMoved
        version.state, version.applied_by, version.applied_at = "applied", acting_user, timezone.now()
        version.save(update_fields=["state", "applied_by", "applied_at"])
        record(
            "catalogue.apply",
            version,
            kind=version.kind,
            from_on=version.from_on,
            counts=version.counts,
            acting_user=acting_user,
        )


def compare_again(version: Version, *, acting_user: Officer) -> Version:
    """Compare a draft with what is in force by now. Raises NotAllowed, NotFound, VersionState."""
    demand(acting_user, Right.CATALOGUE_SEE)
    with acting(acting_user):
        version = _locked(version, acting_user, "draft")
        version.compared_with = comparing.base_of(version)
        version.counts = comparing.count_changes(version, version.compared_with)
        version.save(update_fields=["compared_with", "counts"])
        record("catalogue.compare", version, counts=version.counts, acting_user=acting_user)
    return version


def drop(version: Version, *, why: str, acting_user: Officer) -> None:
    """Give up a version that was not applied; its items go. Raises NotAllowed, NotFound, VersionState."""
    if not acting_user.may(Right.CATALOGUE_APPLY):
        demand(acting_user, Right.CATALOGUE_IMPORT)
    with acting(acting_user):
        version = _locked(version, acting_user, "draft", "unreadable")
        _end(version, "dropped", why, acting_user)
        Item.objects.filter(version=version).delete()
        record(
            "catalogue.drop",
            version,
            kind=version.kind,
            from_on=version.from_on,
            why=version.ended_why,
            acting_user=acting_user,
        )


def withdraw(version: Version, *, why: str, acting_user: Officer) -> None:
    """Take an applied version out of force, as if it had not been applied. What was split by it keeps its reasons.

    Raises NotAllowed, NotFound, VersionState, ReasonMissing.
    """
    demand(acting_user, Right.CATALOGUE_APPLY)
    with acting(acting_user):
        version = _locked(version, acting_user, "applied")
        if not why.strip():
            raise ReasonMissing
        _end(version, "withdrawn", why, acting_user)
        record(
            "catalogue.withdraw",
            version,
            kind=version.kind,
            from_on=version.from_on,
            why=version.ended_why,
            acting_user=acting_user,
        )


def _end(version: Version, state: str, why: str, acting_user: Officer) -> None:
    version.state, version.ended_by, version.ended_at = state, acting_user, timezone.now()
    version.ended_why = why.strip()[:300]
    version.save(update_fields=["state", "ended_by", "ended_at", "ended_why"])


def _one_at_a_time(area: int) -> None:
    """Let nobody else change the area's catalogues meanwhile: each change asks which versions there are."""
    Area.objects.select_for_update().get(pk=area)


def _locked(version: Version, acting_user: Officer, *states: str) -> Version:
    found = Version.objects.filter(pk=version.pk).first()
    # Locked only where it may be changed: FOR UPDATE asks row security for that, and would hide it otherwise.
    if found is None or not found.area_path.startswith(acting_user.area_path):
        raise NotFound
    _one_at_a_time(found.area_id)
    found = Version.objects.select_for_update().get(pk=version.pk)
    if found.state not in states:
        words = found.shown_state.words
        raise VersionState(now_zh=words.zh, now_en=words.en)
    return found
