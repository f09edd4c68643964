"""Settled bills: lists, one with its explanation, its paper, and those that a change of the past touches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import (
    LARGEST,
    Code,
    Coded,
    Day,
    OneOf,
    Paging,
    Rows,
    Said,
    Shape,
    Somebody,
    Where,
    by_number,
    by_place,
    code_of,
    coded,
    fact,
    handed_out,
    identities,
    name_of,
    somebody,
    where,
)
from yizhan.agency.care import one_bill, queries
from yizhan.agency.care.actions import count_printing
from yizhan.agency.care.models import Settlement
from yizhan.agency.people.queries import shown_name
from yizhan.agency.providers.kinds import FEES
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.rights import Right
from yizhan.bill.words import word
from yizhan.engine.facts import FACTS, POTS
from yizhan.engine.money import parse_yuan

BillNumber = Annotated[int, Path(..., ge=1, le=LARGEST, description="结算号 / number of the settlement")]


class BillOut(Shape):
    """A settled bill. total = paid + patient."""

    number: int
    visit: str = Field(description="就诊号 / the institution's number of the visit")
    kind: Coded
    person: Somebody
    area: str
    institution: Where | None
    care: Coded
    admitted_on: date
    discharged_on: date
    settled_on: date
    recorded_at: datetime
    identities: list[Coded]
    total_fen: int
    paid_fen: int
    held_fen: int = Field(description="其中待审 / of it waiting for a review")
    person_fen: int = Field(
        description="因后来更正直接付给（负：收回）本人 / went to the person directly because of later changes"
    )
    patient_fen: int
    digest: str = Field(description="结算所依据政策的摘要 / of the policies that it was settled by")


def _fields(row: Settlement, request: Request) -> dict[str, Any]:
    return {
        "number": row.pk, "visit": row.visit.number, "kind": coded(row.kind, row.kind_words), "person": somebody(row.person, request.bearer),
        "area": code_of(row.area_path), "institution": where(row.institution), "care": fact("care", row.care), "admitted_on": row.admitted_on,
        "discharged_on": row.discharged_on, "settled_on": row.settled_on, "recorded_at": row.recorded_at,
        "identities": identities(row.identities), "total_fen": row.total_fen, "paid_fen": row.paid_fen, "held_fen": row.held_fen,
        "person_fen": row.person_fen, "patient_fen": row.patient_fen, "digest": row.digest,
    }  # fmt: skip


@operation("GET", "settlements", Right.SETTLEMENT_SEE, Rows[BillOut], said=("结算记录", "settled bills"))
def settlements(
    request: Request, page: Query[Paging],
    since: Day | None = Query(None, description="结算办理日起 / recorded on or after"), until: Day | None = Query(None, description="至 / to"),
    institution: Code | None = Query(None, description="机构编码 / code of the institution"),
) -> dict[str, object]:  # fmt: skip
    """The last row of each bill, also one that was reversed; the latest first. Counted as rows exported."""
    found = queries.settlements()
    if since:
        found = found.filter(recorded_at__date__gte=since)
    if until:
        found = found.filter(recorded_at__date__lte=until)
    if institution:
        found = found.filter(institution__code=institution)
    return handed_out(request, "settlement", by_number(found, page, lambda row: BillOut(**_fields(row, request))))


@operation(
    "GET", "settlements/touched", Right.SETTLEMENT_SEE, Rows[BillOut], said=("待重新结算", "bills to be settled anew")
)
def touched(
    request: Request, page: Query[Paging], roster: Annotated[int | None, Query(ge=1, le=LARGEST, description="只看这份名单涉及的 / only those that this roster touched")] = None
) -> dict[str, object]:  # fmt: skip
    """Bills settled on what we know better now. Counted as rows exported."""
    found = queries.touched(roster)
    return handed_out(request, "touched", by_place(found, page, lambda row: BillOut(**_fields(row, request))))


class Pot(Shape):
    """One of the four pots of a bill: what was billed in it, and what is left to the patient."""

    pot: Coded
    billed_fen: int
    patient_fen: int


class Category(Shape):
    """A national category of cost: its part of each pot."""

    category: Coded
    in_scope_fen: int
    first_pay_fen: int
    over_limit_fen: int
    own_fen: int


class Cited(Shape):
    """Where a figure stands."""

    document: str
    document_en: str
    article: str
    title: str


class Step(Shape):
    """One figure of the calculation, as a sentence."""

    op: str
    amount_fen: int
    zh: str
    en: str
    citations: list[Cited]


class Payer(Shape):
    """Who bears what of a payment."""

    payer: Said
    fen: int


class Paid(Shape):
    """What one layer pays. Of it `tilt_fen` through a tilt; `penalty_fen` less because of a penalty."""

    layer: Said
    kind: str
    year: int
    amount_fen: int
    normal_fen: int
    tilt_fen: int
    penalty_fen: int
    deductible_fen: int
    base_fen: int | None = Field(description="由别处结算的为空 / null where it was settled elsewhere")
    ratios: list[int] = Field(description="万分比 / ten-thousandths")
    payers: list[Payer]
    held: bool
    given: bool
    advanced_by: str
    steps: list[Step]
    citations: list[Cited]


class YearSum(Shape):
    """A sum of the policy year, before and after the bill."""

    name: Said
    before_fen: int
    after_fen: int
    ceiling_fen: int | None
    starts_at_fen: int | None


class NoteOut(Shape):
    """A stand-in figure or a reading that the bill rests on."""

    kind: Annotated[str, OneOf(("stand_in", "reading"))]
    reason: str
    citation: Cited


class Bill(BillOut):
    """One bill with who paid what, and why. The payments sum to `paid_fen`, the pots' patient parts to `patient_fen`."""

    pots: list[Pot]
    categories: list[Category]
    payments: list[Paid]
    year: int
    year_sums: list[YearSum]
    notes: list[NoteOut]
    replaced_by: int | None = Field(
        description="代替它的结算号；空：仍然有效 / number of the row in its place; null: it holds"
    )
    recorded_by: str | None


def _cited(found: Iterable[dict[str, str]]) -> list[Cited]:
    return [Cited(**{k: c.get(k, "") for k in ("document", "document_en", "article", "title")}) for c in found]


def _ratio(text: str) -> int:
    return int(text.replace(".", ""))


def _maybe(text: str | None) -> int | None:
    return None if text is None else parse_yuan(text)


def _paid(p: dict[str, Any], names: dict[str, str]) -> Paid:
    return Paid(
        layer=Said(zh=p["layer"], en=p["layer_en"]), kind=p["kind"], year=p["year"], amount_fen=parse_yuan(p["amount"]),
        normal_fen=parse_yuan(p["normal"]), tilt_fen=parse_yuan(p["tilt"]), penalty_fen=parse_yuan(p["penalty"]),
        deductible_fen=parse_yuan(p["deductible"]), base_fen=_maybe(p["base"]), ratios=[_ratio(r) for r in p["ratios"]],
        payers=[
            Payer(payer=Said(zh=one["payer"], en=names.get(one["payer"], one["payer"])), fen=parse_yuan(one["amount"]))
            for one in p["payers"]
        ],
        held=p["held"], given=p["given"], advanced_by=p["advanced_by"] or "",
        steps=[
            Step(op=s["op"], amount_fen=parse_yuan(s["amount"]), zh=s["zh"], en=s["en"], citations=_cited(s["citations"]))
            for s in p["steps"]
        ],
        citations=_cited(p["citations"]),
    )  # fmt: skip


@operation("GET", "settlements/{number}", Right.SETTLEMENT_SEE, Bill, said=("一张结算单", "one bill"))
def bill(request: Request, number: BillNumber) -> Bill:
    """What every layer paid and why, as it was stored when the bill was settled. Counted and recorded, as the page is."""
    found = queries.settlement(number)
    use("bill_page", acting_user=request.bearer)
    record("settlement.see", found, person_id=found.person_id, acting_user=request.bearer)
    # A reversal holds nothing: its sums are zero, and so are its parts.
    stored = {} if found.kind == "reversed" else found.result
    told = stored.get("bill", {})
    notes = [(kind, note) for kind in ("stand_in", "reading") for note in stored.get(f"{kind}s", ())]
    return Bill(
        **_fields(found, request),
        pots=[
            Pot(pot=Coded(code=pot, words=Said(zh=FACTS[pot].zh, en=FACTS[pot].en)), billed_fen=parse_yuan(stored["amounts"][pot]), patient_fen=parse_yuan(stored["patient"][pot]))
            for pot in POTS if stored
        ],
        categories=[
            Category(category=coded(code, FEES.get(code)), in_scope_fen=a, first_pay_fen=b, over_limit_fen=c, own_fen=d)
            for code, a, b, c, d in found.categories if stored
        ],
        payments=[_paid(p, told.get("names", {})) for p in stored.get("payments", ())], year=told.get("year", found.years[0]),
        year_sums=[
            YearSum(
                name=Said(zh=y["name"], en=y["name_en"]), before_fen=parse_yuan(y["before"]), after_fen=parse_yuan(y["after"]),
                ceiling_fen=_maybe(y["ceiling"]), starts_at_fen=_maybe(y["starts_at"]),
            )
            for y in told.get("sums", ())
        ],
        notes=[NoteOut(kind=kind, reason=n["reason"], citation=_cited([n["citation"]])[0]) for kind, n in notes],
        replaced_by=found.replaced_by.pk if hasattr(found, "replaced_by") else None, recorded_by=name_of(found.recorded_by),
    )  # fmt: skip


@operation(
    "POST", "settlements/{number}/pdf", Right.SETTLEMENT_SEE, None, said=("结算单 PDF", "the bill on paper"),
    by={"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
)  # fmt: skip
def pdf(
    request: Request,
    number: BillNumber,
    lang: Literal["zh", "en"] = Query("zh"),
    size: Literal["a4", "a5"] = Query("a4"),
) -> HttpResponse:
    """Each is counted as a printing: a second one says so on its paper."""
    found = queries.settlement(number)
    if found.kind == "reversed":
        raise NotFound
    use("bill_page", acting_user=request.bearer)
    before = count_printing([found], lang=lang, acting_user=request.bearer)[found.pk]
    marks = [m for m in (one_bill.void_words(found, lang), word("reprint", lang, n=before) if before else "") if m]
    account = queries.accounts_of([found]).get(found.pk)
    context = one_bill.context(
        found, found.visit, lang, name=shown_name(found.person, request.bearer), mark=" · ".join(marks), account=account
    )
    return HttpResponse(one_bill.printed([context], lang, size).pdf, content_type="application/pdf")
