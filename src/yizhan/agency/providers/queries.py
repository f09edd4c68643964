"""Institutions and their standing, catalogue versions and items, mappings: what an officer or a settlement asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.providers.kinds import CATALOGUES, CLASSES, STANDINGS
from yizhan.agency.providers.models import Agreement, AgreementEvent, Designation, Item, Mapping, Version
from yizhan.agency.providers.splitting import upward
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, institution_of
from yizhan.agency.statements import prepared

ENDS_SOON = timedelta(days=60)
"""An agreement that ends within so many days should be renewed."""

# --- For settlement ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """What an institution may do on a day. `why_zh` and `why_en` say why it may nothing, where it is not active."""

    active: bool
    why_zh: str = ""
    why_en: str = ""
    agreement: str = ""
    cares: frozenset[str] = frozenset()
    designations: frozenset[str] = frozenset()
    treat_first: bool = False
    deposit: bool = False
    state: str = "active"

    def covers(self, care: str) -> bool:
        """Whether care of this kind is treated under an agreement in force."""
        return self.active and care in self.cares


def standing(institution_id: int, on: date) -> Standing:
    """How an institution stands on a day, wherever it lies: its agreement, what happened to it, what it is chosen for.

    One statement. `Institution.ended_on` is the first day on which it treats nobody. Inside `acting`. Raises NotFound: there is no
    such institution.
    """
    with prepared() as cursor:
        cursor.execute(
            "select closed_on, number, lower(valid), cares, treat_first, deposit, event, event_on, last_on, designations"
            " from providers_standing(%s::bigint, %s::date)",
            [institution_id, on],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    closed_on, number, _, cares, treat_first, deposit, event, event_on, last_on, designations = row
    chosen = frozenset(designations)
    if closed_on is not None and closed_on <= on:
        why = Words(f"该机构已于 {closed_on} 停止服务", f"the institution closed on {closed_on}")
        return Standing(False, why.zh, why.en, designations=chosen, state="ended")
    if number is None:
        why = Words(f"{on} 没有有效的定点协议", f"no agreement is in force on {on}")
        if last_on is not None:
            why = Words(f"定点协议已于 {last_on} 到期或解除", f"the agreement ended on {last_on}")
        return Standing(False, why.zh, why.en, designations=chosen, state="none")
    terms = {"agreement": number, "cares": frozenset(cares), "treat_first": treat_first, "deposit": deposit}
    if event == "suspended":
        why = Words(f"定点协议 {number} 自 {event_on} 起中止", f"agreement {number} is suspended from {event_on}")
        return Standing(False, why.zh, why.en, designations=chosen, state="suspended", **terms)
    return Standing(True, designations=chosen, **terms)


# --- Institutions and agreements --------------------------------------------------------------------------------------


def institutions(
    viewer: Actor, *, on: date, search: str = "", kind: str = "", state: str = ""
) -> QuerySet[Institution]:
    """The institutions of the viewer's area (of an institution's staff: that one), with how each stands on the day:
    `agreement_number`, `agreement_end` (the day after the last), `standing_code` (a key of STANDINGS).
    """
    found = Institution.objects.select_related("area")
    if own := institution_of(viewer):
        found = found.filter(pk=own)
    else:
        found = found.filter(area_path__gte=viewer.area_path, area_path__lt=viewer.area_path + "~")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(code__startswith=search.upper()))
    if kind:
        found = found.filter(kind=kind)
    binding = Agreement.objects.filter(institution=OuterRef("pk"), withdrawn_at=None, valid__contains=on)
    events = AgreementEvent.objects.filter(agreement=OuterRef("agreement_id"), from_on__lte=on).order_by(
        "-from_on", "-id"
    )
    found = found.annotate(
        agreement_id=Subquery(binding.values("pk")[:1]),
        agreement_number=Subquery(binding.values("number")[:1]),
        agreement_end=Subquery(binding.values("valid__endswith")[:1]),
    ).annotate(event=Subquery(events.values("kind")[:1]))
    judged = found.annotate(
        standing_code=Case(
            When(ended_on__lte=on, then=Value("ended")),
            When(agreement_id=None, then=Value("none")),
            When(event="suspended", then=Value("suspended")),
            default=Value("active"),
        )
    )
    if state:
        judged = judged.filter(standing_code=state)
    return judged.order_by("area_path", "code")


def standing_counts(viewer: Actor, *, on: date) -> dict[str, int]:
    """State → how many institutions."""
    judged: QuerySet[Any] = institutions(viewer, on=on)
    found = judged.order_by().values_list("standing_code").annotate(n=Count("pk"))
    return dict.fromkeys(STANDINGS, 0) | dict(found)


def institution(number: int, viewer: Actor) -> Institution:
    """One institution in the viewer's scope. Raises NotFound."""
    found = institutions(viewer, on=timezone.localdate()).filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def agreements(of: Institution) -> QuerySet[Agreement]:
    """Its agreements, the latest first; withdrawn ones too."""
    return Agreement.objects.filter(institution=of).select_related("made_by", "withdrawn_by").order_by("-valid", "-id")


def agreement(of: Institution, number: int) -> Agreement:
    """One agreement of an institution. Raises NotFound."""
    found = agreements(of).filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def designations(of: Institution) -> QuerySet[Designation]:
    """What it is and was chosen for; the latest first."""
    return Designation.objects.filter(institution=of).select_related("made_by", "ended_by").order_by("-valid", "kind")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to an institution: a line of its timeline."""

    on: date
    words: Words
    detail: str
    document: str
    by: str
    tone: str = "plain"


def timeline(of: Institution) -> list[Moment]:
    """What happened to the institution's agreements, the latest first."""
    found = []
    for made in agreements(of):
        if made.withdrawn_at is not None:
            found.append(
                Moment(
                    timezone.localdate(made.withdrawn_at),
                    Words("协议作废", "agreement withdrawn"),
                    made.withdrawn_why,
                    made.number,
                    str(made.withdrawn_by or ""),
                )
            )
        found.append(
            Moment(
                made.valid.lower,
                Words("协议生效", "agreement begins"),
                made.note,
                made.number,
                made.made_by.name,
                "good",
            )
        )
        if made.last_day and made.last_day < timezone.localdate():
            found.append(Moment(made.last_day, Words("协议最后一天", "last day of the agreement"), "", made.number, ""))
    tones = {"suspended": "bad", "terminated": "bad", "resumed": "good"}
    words = {
        "suspended": Words("协议中止", "agreement suspended"),
        "resumed": Words("协议恢复", "agreement resumed"),
        "terminated": Words("协议解除", "agreement terminated"),
    }
    events = AgreementEvent.objects.filter(institution=of).select_related("made_by")
    found += [Moment(e.from_on, words[e.kind], e.reason, e.document, e.made_by.name, tones[e.kind]) for e in events]
    return sorted(found, key=lambda moment: moment.on, reverse=True)


# --- Catalogues -------------------------------------------------------------------------------------------------------


def versions(viewer: Actor) -> QuerySet[Version]:
    """The versions of the viewer's area, of all above it and all in it; the latest first.

    What is not in force yet is shown to those of its own area only.
    """
    above = Q(area_path__in=upward(viewer.area_path), state__in=["applied", "withdrawn"])
    inside = Q(area_path__gte=viewer.area_path, area_path__lt=viewer.area_path + "~")
    if institution_of(viewer):
        inside &= Q(state="applied")
    found = Version.objects.filter(above | inside)
    return found.select_related("area", "made_by", "applied_by", "ended_by").order_by("-from_on", "kind", "-id")


def version(number: int, viewer: Actor) -> Version:
    """One version. Raises NotFound."""
    found = versions(viewer).select_related("compared_with").filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def in_force(area_path: str, kind: str, on: date) -> Version | None:
    """The version of a kind that counts for insured people of an area on a day: of the nearest area upward that has one."""
    return (
        Version.objects.filter(state="applied", kind=kind, area_path__in=upward(area_path), from_on__lte=on)
        .select_related("area")
        .order_by("-area_path", "-from_on")
        .first()
    )


def all_in_force(area_path: str, on: date) -> dict[str, Version]:
    """Kind → the version that counts. One statement."""
    found: dict[str, Version] = {}
    applied = Version.objects.filter(state="applied", area_path__in=upward(area_path), from_on__lte=on)
    for one in applied.select_related("area").order_by("-area_path", "-from_on"):
        found.setdefault(one.kind, one)
    return {kind: found[kind] for kind in CATALOGUES if kind in found}


def items(area_path: str, *, on: date, search: str = "", kind: str = "") -> QuerySet[Item]:
    """Items in force on a day whose code or name begins with the words."""
    chosen = [one.pk for known, one in all_in_force(area_path, on).items() if kind in ("", known)]
    found = Item.objects.filter(version__in=chosen).select_related("version")
    if search:
        end = search + "\U0010ffff"
        found = found.filter(Q(code__gte=search, code__lt=end) | Q(name__gte=search, name__lt=end))
    return found.order_by("code", "version")


def items_of(of: Version, *, search: str = "") -> QuerySet[Item]:
    """Items of a version whose code or name begins with the words, by code."""
    found = Item.objects.filter(version=of)
    if search:
        end = search + "\U0010ffff"
        found = found.filter(Q(code__gte=search, code__lt=end) | Q(name__gte=search, name__lt=end))
    return found.order_by("code")


def known_codes(area_path: str, codes: Sequence[str], days: Sequence[date]) -> dict[tuple[str, date], str]:
    """(national code, day) → the item's name, of those pairs that are in a catalogue in force. At most a statement for
    each different day and one more.
    """
    chosen = {on: [one.pk for one in all_in_force(area_path, on).values()] for on in sorted(set(days))}
    numbers = sorted({pk for pks in chosen.values() for pk in pks})
    named = {
        (number, code): name
        for number, code, name in Item.objects.filter(version__in=numbers, code__in=sorted(set(codes))).values_list(
            "version", "code", "name"
        )
    }
    return {
        (code, on): named[pk, code]
        for code, on in set(zip(codes, days, strict=True))
        for pk in chosen[on]
        if (pk, code) in named
    }


# --- Mappings ---------------------------------------------------------------------------------------------------------


def mappings(
    viewer: Actor, *, state: str = "", institution_id: int | None = None, search: str = ""
) -> QuerySet[Mapping]:
    """The mappings of the viewer's area, of an institution's staff their own; the latest first."""
    found = Mapping.objects.all()
    if own := institution_of(viewer):
        found = found.filter(institution=own)
    else:
        found = found.filter(area_path__gte=viewer.area_path, area_path__lt=viewer.area_path + "~")
    if state:
        found = found.filter(state=state)
    if institution_id:
        found = found.filter(institution=institution_id)
    if search:
        end = search + "\U0010ffff"
        found = found.filter(
            Q(code__gte=search, code__lt=end)
            | Q(national_code__gte=search, national_code__lt=end)
            | Q(name__contains=search)
        )
    return found.select_related("institution", "proposed_by", "decided_by").order_by("-id")


def mapping_counts(viewer: Actor) -> dict[str, int]:
    """State → how many."""
    return dict(mappings(viewer).order_by().values_list("state").annotate(n=Count("id")))


def national_items(area_path: str, codes: Sequence[str], on: date) -> dict[str, Item]:
    """National code → its item in force on the day, to be shown beside what a hospital calls it. Two statements."""
    chosen = [one.pk for one in all_in_force(area_path, on).values()]
    return {item.code: item for item in Item.objects.filter(version__in=chosen, code__in=sorted(set(codes)))}


@dataclass(frozen=True, slots=True)
class Chargeable:
    """Something that an institution may charge: its own code where a mapping is approved, else the national one."""

    code: str
    name: str
    national_code: str
    spec: str
    unit: str
    class_words: Words
    first_pay: int
    limit: int | None
    restriction: str


def chargeable(of: Institution, area_path: str, *, on: date, search: str, most: int = 8) -> list[Chargeable]:
    """What somebody may mean by the first letters of a code or by a part of a name, the institution's own items first.

    `area_path`: that of the insured person, whose catalogues count. At most three statements.
    """
    end = search + "\U0010ffff"
    own = Mapping.objects.filter(institution=of, state="approved", valid__contains=on)
    own = own.filter(Q(code__gte=search, code__lt=end) | Q(name__contains=search))
    mapped = list(own.order_by("code")[:most])
    versions = [one.pk for one in all_in_force(area_path, on).values()]
    named = Q(code__in=[m.national_code for m in mapped])
    if len(mapped) < most:
        named |= Q(code__gte=search, code__lt=end) | Q(name__gte=search, name__lt=end)
    found = list(Item.objects.filter(named, version__in=versions).order_by("code")[: 2 * most])
    items = {item.code: item for item in found}
    taken = {m.national_code for m in mapped}
    pairs = [(m.code, m.name, items[m.national_code]) for m in mapped if m.national_code in items]
    pairs += [(item.code, item.name, item) for item in found if item.code not in taken]
    return [
        Chargeable(
            code, name, item.code, item.spec, item.unit, CLASSES[item.payment_class], item.first_pay,
            item.limits.get(of.level), item.restriction,
        )
        for code, name, item in pairs[:most]
    ]  # fmt: skip


def mapping(number: int, viewer: Actor) -> Mapping:
    """One mapping. Raises NotFound."""
    found = mappings(viewer).filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


# --- What waits -------------------------------------------------------------------------------------------------------


@waits
def agreements_ending(officer: Officer) -> Waiting | None:
    """Agreements that end soon and have no successor."""
    if not officer.may(Right.AGREEMENT_EDIT):
        return None
    today = timezone.localdate()
    found = Agreement.objects.filter(
        withdrawn_at=None, valid__contains=today, valid__endswith__lte=today + ENDS_SOON,
        area_path__gte=officer.area_path, area_path__lt=officer.area_path + "~",
    )  # fmt: skip
    following = Agreement.objects.filter(
        institution=OuterRef("institution"), withdrawn_at=None, valid__startswith__gt=today
    )
    count = found.exclude(Exists(following)).count()
    return Waiting(Words("60天内到期的协议", "agreements ending within 60 days"), count, reverse("providers:list"))


@waits
def versions_to_review(officer: Officer) -> Waiting | None:
    """Catalogue versions that wait for this reviewer, who has not made them."""
    if not officer.may(Right.CATALOGUE_APPLY):
        return None
    inside = Version.objects.filter(area_path__gte=officer.area_path, area_path__lt=officer.area_path + "~")
    count = inside.filter(state="draft").exclude(made_by=officer).count()
    return Waiting(Words("待复核的目录版本", "catalogue versions to review"), count, reverse("providers:catalogues"))


@waits
def mappings_to_review(officer: Officer) -> Waiting | None:
    """Mappings that wait for a decision."""
    if not officer.may(Right.MAPPING_REVIEW):
        return None
    count = mappings(officer, state="proposed").count()
    return Waiting(
        Words("待审核的目录对照", "mappings to review"), count, f"{reverse('providers:mappings')}?state=proposed"
    )


@waits
def mappings_rejected(officer: Officer) -> Waiting | None:
    """Mappings that came back to the hospital within the last month."""
    if not officer.may(Right.MAPPING_EDIT):
        return None
    since = timezone.now() - timedelta(days=30)
    count = mappings(officer, state="rejected").filter(decided_at__gte=since).count()
    return Waiting(
        Words("被退回的目录对照", "mappings rejected"), count, f"{reverse('providers:mappings')}?state=rejected"
    )
