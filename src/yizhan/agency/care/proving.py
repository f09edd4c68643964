"""Whether settlements follow from what was stored with them, for `ledger verify`. Reads only, one person after the other.

What is compared without calculating: a row with its payments, both with the answer that was kept, the lines of a settled visit
with its claim, and whose each row is. Then every row is calculated again by the engine, from the claim and the person as
they were stored and the year as the rows before had left it, and has to come out as it stands.

Bills of merged records were settled on the sums of one record before the merge, and of all of them after it; which, no row
says. Any of the two answers is taken for right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Q

from yizhan.agency.care.booking import Paid
from yizhan.agency.care.claims import DaySum, amounts_of
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.care.rewriting import Change, channelled, payments_of, place
from yizhan.agency.care.settling import by_category, paid_by, row_of
from yizhan.agency.care.years import Answered, Asked, States, answer, computed_states, read_states
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.ledger.verifying import MOST_NAMED, Difference, Verified
from yizhan.agency.people.models import Merge, Person
from yizhan.agency.staff.scope import System
from yizhan.engine.money import yuan
from yizhan.engine.scheme import Scheme
from yizhan.errors import Problems
from yizhan.policy.areas import load_scheme

BATCH = 500
"""Rows that are read at once, if no single person has more."""


def hold(seen: Verified, *, replay: bool) -> Iterator[Difference]:
    """What is wrong with settlements and with payments of patients. Counts what was replayed in `seen`."""
    yield from _strays()
    reworded: list[int] = []
    for persons in _in_batches():
        batch = _Batch.read(persons)
        for rows in persons:
            for found in _of_person(rows, batch, seen, replay=replay):
                if found.words == REWORDED:
                    reworded.append(found.number)
                else:
                    yield found
    if reworded:
        n, zh, en = len(reworded), REWORDED.zh, REWORDED.en
        yield Difference(
            "settlement", reworded[0], Words(f"{zh}（共 {n} 单，这是第一单）", f"{en} ({n} bills, the first of them)")
        )


REWORDED = Words(
    "金额相同，但所存的说明文字与现在的程序所写不同",
    "the amounts are the same, but the explanation that was kept is worded in another way than this version does",
)
"""Told once for all bills: a later version of the platform may word all of them anew."""


def _found(row: Settlement, zh: str, en: str) -> Difference:
    return Difference("settlement", row.pk, Words(zh, en))


# --- Whose rows are ---------------------------------------------------------------------------------------------------

_OWNERS = (
    (
        "settlement",
        "支付与结算的人员、机构或区划不一致",
        "a payment names another person, institution or area than its settlement",
        """
        select distinct s.id from care_settlementpayment p join care_settlement s on s.id = p.settlement_id
        where (p.person_id, p.institution_id, p.area_path) is distinct from (s.person_id, s.institution_id, s.area_path)
        """,
    ),
    (
        "settlement",
        "结算与就诊的机构不一致",
        "the settlement names another institution than its visit",
        """
        select s.id from care_settlement s join care_visit v on v.id = s.visit_id
        where s.institution_id is distinct from v.institution_id
        """,
    ),
    (
        "patient_payment",
        "缴费与就诊的人员或机构不一致",
        "the payment names another person or institution than its visit",
        """
        select p.id from care_patientpayment p join care_visit v on v.id = p.visit_id
        where (p.person_id, p.institution_id) is distinct from (v.person_id, v.institution_id)
        """,
    ),
)


def _strays() -> Iterator[Difference]:
    for kind, zh, en, query in _OWNERS:
        with connection.cursor() as cursor:
            cursor.execute(f"{query} order by 1 limit {MOST_NAMED}")
            numbers = [row[0] for row in cursor.fetchall()]
        for number in numbers:
            yield Difference(kind, number, Words(zh, en))


# --- Reading ----------------------------------------------------------------------------------------------------------


def _in_batches() -> Iterator[list[list[Settlement]]]:
    """The rows of each person in the order in which they were written, some persons at a time."""
    batch: list[list[Settlement]] = []
    for rows in _by_person():
        batch.append(rows)
        if sum(map(len, batch)) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _by_person() -> Iterator[list[Settlement]]:
    together = _merged()
    rows = Settlement.objects.select_related("visit").order_by("person_id", "pk")
    for person, own in groupby(rows.iterator(BATCH), key=lambda row: row.person_id):
        if person not in together:
            yield list(own)
    for persons in {id(group): group for group in together.values()}.values():
        if found := list(rows.filter(person__in=persons).order_by("pk")):
            yield found


def _merged() -> dict[int, set[int]]:
    """Records that are, or once were, one person: each with all of them."""
    pairs = set(Person.objects.filter(merged_into__isnull=False).values_list("pk", "merged_into_id"))
    pairs |= set(Merge.objects.filter(Q(state="merged") | Q(state="undone")).values_list("dropped_id", "kept_id"))
    groups: dict[int, set[int]] = {}
    for one, other in sorted(pairs):
        group = groups.get(one, {one}) | groups.get(other, {other})
        groups |= dict.fromkeys(group, group)
    return groups


_LINES = """
    select visit_id, "on", charge, sum(in_scope)::bigint, sum(first_pay)::bigint, sum(over_limit)::bigint, sum(own)::bigint,
           bool_or(special_drug), count(*), category
    from care_billline where visit_id = any(%s) group by visit_id, "on", charge, category order by visit_id, "on", charge, category
"""


@dataclass(frozen=True, slots=True)
class _Batch:
    """What belongs to the rows at hand: their payments, and the lines of the visits that are settled now, by day."""

    payments: Mapping[int, tuple[Paid, ...]]
    lines: Mapping[int, list[DaySum]]

    @classmethod
    def read(cls, persons: Iterable[Iterable[Settlement]]) -> _Batch:
        rows = [row for own in persons for row in own]
        lines: dict[int, list[DaySum]] = {row.visit_id: [] for row in rows}
        with connection.cursor() as cursor:
            cursor.execute(_LINES, [list(lines)])
            for visit, day, charge, a, b, c, d, drug, n, category in cursor.fetchall():
                lines[visit].append(DaySum(day, charge, (a, b, c, d), drug, n, category))
        return cls(payments_of(rows), lines)


# --- One person -------------------------------------------------------------------------------------------------------


def _of_person(rows: Sequence[Settlement], batch: _Batch, seen: Verified, *, replay: bool) -> Iterator[Difference]:
    heads: dict[int, Settlement] = {}
    by_number = {row.pk: row for row in rows}
    for row in rows:
        try:
            yield from _of_row(row, by_number, heads.values(), batch, seen, replay=replay)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            yield _found(
                row, f"所存的结算内容读不出来（{fault!r:.80}）", f"what is stored of it cannot be read ({fault!r:.80})"
            )
        heads[row.visit_id] = row
    for row in heads.values():
        if row.kind != "reversed":
            yield from _lines(row, row.visit, batch.lines[row.visit_id])


def _of_row(
    row: Settlement,
    rows: Mapping[int, Settlement],
    holding: Collection[Settlement],
    batch: _Batch,
    seen: Verified,
    *,
    replay: bool,
) -> list[Difference]:
    paid = batch.payments[row.pk]
    wrong = [*_sums(row, paid), *_kept_answer(row, paid)]
    if replay and not wrong and row.kind != "reversed":
        wrong = _replayed(row, paid, _through_before(row, rows, batch), holding, seen)
    return wrong


def _sums(row: Settlement, paid: Sequence[Paid]) -> Iterator[Difference]:
    """The row's totals are the sums of its payments."""
    for zh, en, says, fen in (
        ("各方支付", "what is paid", row.paid_fen, sum(p.amount for p in paid)),
        ("待评审部分", "the part that waits for a review", row.held_fen, sum(p.amount for p in paid if p.held)),
        ("直接与个人往来的部分", "the part that goes to the person", row.person_fen, sum(p.person for p in paid)),
        ("个人负担", "what the patient bears", row.patient_fen, row.total_fen - sum(p.amount for p in paid)),
    ):
        if says != fen:
            yield _found(row, f"{zh}记为 {says} 分，按支付合计应为 {fen} 分",
                         f"{en} is {says} fen, and should be {fen} by its payments")  # fmt: skip


def _kept_answer(row: Settlement, paid: Sequence[Paid]) -> Iterator[Difference]:
    """Row and payments are those of the answer that was kept and is printed."""
    if row.kind == "reversed":
        if paid or row.result or row.states or row.years:
            yield _found(row, "已撤销的结算还留有支付或结果", "a reversed settlement still has payments or a result")
        return
    told = {
        "paid": row.result.get("paid"), "held": row.result.get("held"), "patient": _in(row.result, "patient", "total"),
        "total": _in(row.result, "amounts", "total"), "identities": row.result.get("identities"),
        "identity_on": row.result.get("identity_on"),
    }  # fmt: skip
    says = {
        "paid": yuan(row.paid_fen), "held": yuan(row.held_fen), "patient": yuan(row.patient_fen), "total": yuan(row.total_fen),
        "identities": row.identities, "identity_on": row.identity_on.isoformat(),
    }  # fmt: skip
    for name, value in says.items():
        if told[name] != value:
            yield _found(row, f"{name} 记为 {_short(value)}，结算结果里是 {_short(told[name])}",
                         f"{name} is {_short(value)}, and {_short(told[name])} in the answer that was kept")  # fmt: skip
    answered, stored = _layers_of_answer(row.result), _layers_of_payments(paid)
    for key in {**answered, **stored}:
        if answered.get(key) != stored.get(key):
            name = f"{key[0]} {key[1]}"
            yield _found(row, f"{name}：支付记为 {_short(stored.get(key))}，结算结果里是 {_short(answered.get(key))}",
                         f"{name}: its payments say {_short(stored.get(key))}, the answer that was kept {_short(answered.get(key))}")  # fmt: skip


def _in(found: Any, *names: str) -> Any:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


_Layer = dict[str, Any]


def _layers_of_payments(paid: Iterable[Paid]) -> dict[tuple[str, int], _Layer]:
    """(layer, year) → what its payments say. A payment of nothing, which only sends money back, belongs to none."""
    found: dict[tuple[str, int], _Layer] = {}
    for p in paid:
        if not p.amount:
            continue
        layer = found.setdefault(
            (p.layer, p.year),
            {
                "kind": p.kind,
                "code": p.code,
                "held": p.held,
                "advanced_by": p.advanced_by,
                "tilt": 0,
                "payers": Counter(),
            },
        )
        layer["tilt"] += p.tilt
        layer["payers"][p.payer] += p.amount
    return {
        key: {**layer, "tilt": yuan(layer["tilt"]), "payers": _yuans(layer["payers"])} for key, layer in found.items()
    }


def _layers_of_answer(result: Mapping[str, Any]) -> dict[tuple[str, int], _Layer]:
    found: dict[tuple[str, int], _Layer] = {}
    for p in result.get("payments", ()):
        payers = {payer["payer"]: payer["amount"] for payer in p["payers"] if payer["amount"] != yuan(0)}
        if payers:
            found[p["layer"], p["year"]] = {
                name: p[name] for name in ("kind", "code", "held", "advanced_by", "tilt")
            } | {"payers": payers}
    return found


def _yuans(sums: Mapping[str, int]) -> dict[str, str]:
    return {name: yuan(fen) for name, fen in sums.items()}


def _lines(row: Settlement, visit: Visit, sums: list[DaySum]) -> Iterator[Difference]:
    """A settled visit is still the one that was settled: its days, its care, its lines."""
    says: dict[str, Any] = {
        "care": visit.care, "admitted_on": visit.admitted_on.isoformat(),
        "discharged_on": visit.discharged_on and visit.discharged_on.isoformat(), "diagnoses": visit.diagnoses,
    }  # fmt: skip
    scheme = _scheme(row)
    if visit.amounts is not None:
        says |= visit.amounts
    elif scheme is not None and scheme.digest == row.digest:
        try:
            says |= amounts_of(visit, sums, scheme)
        except Problems as refused:
            yield _found(row, refused.problems[0].text("zh"), refused.problems[0].text("en"))
    for name, value in says.items():
        if (claimed := row.claim.get(name)) != value:
            yield _found(row, f"就诊的 {name} 是 {_short(value)}，结算时为 {_short(claimed)}",
                         f"{name} of the visit is {_short(value)}, and was {_short(claimed)} when it was settled")  # fmt: skip
    now = by_category(sums)
    if now != row.categories:
        yield _found(row, f"费用明细按类别为 {_short(now)}，结算时为 {_short(row.categories)}",
                     f"the lines by category are {_short(now)}, and were {_short(row.categories)} when it was settled")  # fmt: skip


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else text[:157] + "…"


# --- Calculating again ------------------------------------------------------------------------------------------------

_COLUMNS = (
    "care", "admitted_on", "discharged_on", "identity_on", "settled_on", "identities", "total_fen", "paid_fen", "held_fen",
    "person_fen", "patient_fen", "years", "states", "digest", "result",
)  # fmt: skip
"""Columns of a settlement that the engine's answer gives."""

_OF_POLICIES = ("digest", "result", "states")
"""Those of them that name the policies they come from."""


def _through_before(row: Settlement, rows: Mapping[int, Settlement], batch: _Batch) -> tuple[Paid, ...]:
    """The payments with which those of this row were compared to say what goes to the person."""
    old = rows.get(row.replaces_id or 0)
    if row.kind == "corrected" and old is not None:  # between the two stands the reversal
        old = rows.get(old.replaces_id or 0)
    return batch.payments[old.pk] if old is not None and row.kind != "settled" else ()


def _scheme(row: Settlement) -> Scheme | None:
    try:
        return load_scheme(pooling_area(row.area_path))
    except Problems:
        return None


def _replayed(
    row: Settlement, paid: tuple[Paid, ...], before: tuple[Paid, ...], holding: Collection[Settlement], seen: Verified
) -> list[Difference]:
    """What another calculation finds different. Of policies that are not installed any more only an equal answer tells."""
    scheme = _scheme(row)
    installed = scheme is not None and scheme.digest == row.digest
    wrong: list[Difference] = []
    try:
        if scheme is None:
            seen.not_replayed[row.digest] += 1
            return []
        for states in _years_before(row, scheme, holding):
            answered = answer(Asked(scheme.area, row.beneficiary, row.claim), states)
            wrong = list(_compared(row, paid, before, answered, leave_out=() if installed else _OF_POLICIES))
            if not wrong:
                seen.replayed += 1
                return []
    except Problems as refused:
        zh, en = (refused.problems[0].text(lang) for lang in ("zh", "en"))
        wrong = [_found(row, f"按当时所存不能重新计算：{zh}", f"cannot be calculated again from what was stored: {en}")]
    if not installed:
        seen.not_replayed[row.digest] += 1
        return []
    return wrong


def _years_before(row: Settlement, scheme: Scheme, holding: Collection[Settlement]) -> Iterator[States]:
    """The years as the bills before this one had left them; of merged records first the own, then those of all of them."""
    area = scheme.area
    earlier = [
        other for other in holding
        if other.kind != "reversed" and other.visit_id != row.visit_id and place(other) < place(row)
        and pooling_area(other.area_path) == area
    ]  # fmt: skip
    earlier.sort(key=place)
    own = [other for other in earlier if other.person_id == row.person_id]
    stored: dict[str, Any] = {}
    for other in own:
        stored |= other.states
    states = read_states(stored.values(), scheme)
    yield states if states is not None else _computed(own, area)
    if len(own) < len(earlier):
        yield _computed(earlier, area)


def _computed(bills: Iterable[Settlement], area: str) -> States:
    return computed_states(Asked(area, bill.beneficiary, bill.claim) for bill in bills)


def _compared(
    row: Settlement, paid: tuple[Paid, ...], before: tuple[Paid, ...], answered: Answered, *, leave_out: Collection[str]
) -> Iterator[Difference]:
    expected = _payments(row, before, answered)
    if paid not in expected:
        yield from _other_payments(row, paid, expected[0])
    again = row_of(
        Asked("", row.beneficiary, row.claim), answered, paid, kind=row.kind, visit=row.visit, person=Person(pk=row.person_id), known_at=row.known_at,
        recorded_at=row.recorded_at, number=row.pk, replaces_id=row.replaces_id, ordinal=row.ordinal, acting_user=_NOBODY,
    )  # fmt: skip
    for name in _COLUMNS:
        if name in leave_out:
            continue
        says, should = getattr(row, name), _plain(getattr(again, name))
        if says == should:
            continue
        if name == "result" and _without_words(says) == _without_words(should):
            yield _found(row, REWORDED.zh, REWORDED.en)
        else:
            at, was, now = _first_difference(says, should, name)
            yield _found(row, f"{at} 记为 {_short(was)}，重新计算应为 {_short(now)}",
                         f"{at} is {_short(was)}, and {_short(now)} when it is calculated again")  # fmt: skip


_NOBODY = System("ledger.verify")


_WORDS = frozenset({"zh", "en", "layer_en", "name", "name_en", "names", "title", "document_en", "reason"})


def _without_words(value: Any) -> Any:
    """An answer without what is only said of it."""
    if isinstance(value, dict):
        return {key: _without_words(inner) for key, inner in value.items() if key not in _WORDS}
    return [_without_words(inner) for inner in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False)) if isinstance(value, dict) else value


def _payments(row: Settlement, before: tuple[Paid, ...], answered: Answered) -> list[tuple[Paid, ...]]:
    """The payments that an answer may come to: a bill is settled anew with the person, or with the institution (a finding)."""
    if row.institution_id is None:
        return [paid_by(answered.outcome, through_person=True)]
    paid = paid_by(answered.outcome)
    if row.kind == "settled":
        return [paid]
    by_person = {"corrected": (False,), "released": (False,), "replayed": (True,)}.get(row.kind, (True, False))
    return [channelled(paid, before, Change(row.kind, by_person=direct)) for direct in by_person]


def _other_payments(row: Settlement, paid: tuple[Paid, ...], expected: tuple[Paid, ...]) -> Iterator[Difference]:
    was, should = {p.key: p for p in paid}, {p.key: p for p in expected}
    for key in {**was, **should}:
        if was.get(key) != should.get(key):
            name = " ".join(map(str, key))
            yield _found(row, f"支付 {name} 记为 {_told(was.get(key))}，重新计算应为 {_told(should.get(key))}",
                         f"payment {name} is {_told(was.get(key))}, and {_told(should.get(key))} when it is calculated again")  # fmt: skip


def _told(paid: Paid | None) -> str:
    if paid is None:
        return "—"
    words = f"{paid.amount} = {paid.normal} + {paid.tilt} fen"
    return (
        words + (f", {paid.person} 归个人 to the person" if paid.person else "") + (" 待评审 held" if paid.held else "")
    )


def _first_difference(says: Any, should: Any, at: str) -> tuple[str, Any, Any]:
    """Where two texts of JSON first differ."""
    if isinstance(says, dict) and isinstance(should, dict):
        for key in {**should, **says}:
            if says.get(key) != should.get(key):
                return _first_difference(says.get(key), should.get(key), f"{at}.{key}")
    if isinstance(says, list) and isinstance(should, list) and len(says) == len(should):
        for k, (one, other) in enumerate(zip(says, should, strict=True)):
            if one != other:
                return _first_difference(one, other, f"{at}[{k}]")
    return at, says, should
