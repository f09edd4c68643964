"""The one bill (一单) for people, in a terminal: the answer first, then who pays, why, and what the year has come to.

The order is fixed, because the eye of an auditor goes to fixed places. Every amount comes from the settlement; nothing is
calculated here but the difference that a referral would have made, and that is settled by the engine too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from yizhan.engine.claim import Beneficiary, Claim
from yizhan.engine.facts import DEPARTMENTS, FACTS, POTS
from yizhan.engine.money import NO_LIMIT, capitals, percent, yuan_grouped
from yizhan.engine.scheme import Citation, Note, Scheme
from yizhan.engine.settlement import Payment, Settlement, settle
from yizhan.errors import Problems

WIDTH = 100

_WORDS = {
    "title": ("{area}医疗费用一站式结算单", "{area}: one bill for medical costs"),
    "claim": ("单号", "claim"),
    "answer": ("总费用 {total} − 各方支付 {paid} = 您应付 {patient} 元", "total {total} − paid for you {paid} = you pay {patient} yuan"),
    "capitals": ("（大写：{words}）", ""),
    "held": ("其中 {held} 元待{who}，现在不用付，也还没有拨付", "{held} yuan of it wait for {who}: not yet paid out, and not due from you now"),
    "rejected": ("，若不通过，您要付 {other} 元", "; if it is refused you pay {other} yuan"),
    "since": ("自 {begins} 起，{by}认定", "since {begins}, certified by {by}"),
    "since_only": ("自 {begins} 起", "since {begins}"),
    "not_counted": ("{identity} 自 {begins} 起，晚于看身份的日子（{on}），本单没有计入", "{identity} is held since {begins}, after the day that counts ({on}), and is not counted here"),
    "days": ("规则看 {policy}，身份和年龄看 {identity}", "rules as of {policy}, identity and age as of {identity}"),
    "unmatched": ("没有被本地政策点名的{fact}：{names}。若应属某一名单，请核对名称或编码", "{fact} that no rule here names: {names}. If it should be on a list, check the name or code"),
    "ceiling": ("上限", "ceiling"),
    "left": ("还剩", "left"),
    "labelled": ("{fact}：{value}", "{fact}: {value}"),
    "who": ("参保人", "person"),
    "identity": ("身份", "identity"),
    "none": ("无", "none"),
    "care": ("就医", "care"),
    "dates": ("{admitted} 至 {discharged}", "{admitted} to {discharged}"),
    "ratio": ("政策范围内费用实付 {scope}，全部费用实付 {all}", "{scope} of the in-scope cost and {all} of the whole bill are paid"),
    "cost": ("费用", "Cost"),
    "pot": ("类别", "pot"),
    "billed": ("费用（元）", "billed"),
    "yours": ("其中您负担", "of it yours"),
    "layers": ("谁付多少", "Who pays"),
    "layer": ("保障", "layer"),
    "payer": ("出资", "paid by"),
    "amount": ("支付（元）", "pays"),
    "tilt": ("其中倾斜", "of it tilt"),
    "by": ("依据", "article"),
    "unused": ("本单不涉及：{layers}", "not concerned here: {layers}"),
    "why": ("为什么", "Why"),
    "year": ("本年累计（{year}年）", "The year so far ({year})"),
    "item": ("项目", "item"),
    "before": ("结算前", "before"),
    "now": ("本次", "this bill"),
    "after": ("结算后", "after"),
    "notes": ("说明", "Notes"),
    "stand_in": ("代用数字", "stand-in figure"),
    "reading": ("读法", "reading"),
    "referral": ("如果按规定转诊：您付 {other} 元（相差 {gap} 元）", "with a referral by the rules you would pay {other} yuan (a difference of {gap} yuan)"),
    "unreferred": ("如果没有按规定转诊：您要付 {other} 元（多付 {gap} 元）", "without a referral by the rules you would pay {other} yuan ({gap} yuan more)"),
    "digest": ("政策版本 {digest}，按 {on} 施行的规定计算", "policy version {digest}, as in force on {on}"),
    "total": ("合计", "total"),
    "patient": ("您应付", "you pay"),
}  # fmt: skip

_SUMS = {
    "base": ("{name}：累计计入", "{name}: cost counted"),
    "paid": ("{name}：累计支付", "{name}: paid"),
    "paid_in_year": ("{name}：累计支付", "{name}: paid"),
    "deductible": ("{name}：累计起付", "{name}: deductibles charged"),
}


@dataclass(frozen=True)
class Bill:
    """What a bill is printed from."""

    settlement: Settlement
    claim: Claim
    beneficiary: Beneficiary
    scheme: Scheme


def render(bill: Bill, lang: str = "zh") -> str:
    """The one bill as text of at most WIDTH columns, in `zh` or `en`."""
    return "\n".join(printable(line) for line in _Page(bill, lang).lines()) + "\n"


def printable(text: str) -> str:
    """A text without control, format and other invisible characters, which could make a terminal lie."""
    return "".join("\ufffd" if unicodedata.category(c).startswith("C") else c for c in text)


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _pad(text: str, width: int, right: bool = False) -> str:
    space = " " * max(0, width - width_of(text))
    return space + text if right else text + space


_TOKEN = re.compile(r"[!-~]+ ?|[^!-~]")


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    """Lines of at most `width` columns; numbers and Latin words are not cut."""
    line = ""
    for token in _TOKEN.findall(text):
        if line and width_of(line + token.rstrip()) > width:
            yield indent + line.rstrip()
            line = ""
        line += token if line or token != " " else ""
    yield indent + line.rstrip()


class _Page:
    """One printed bill."""

    def __init__(self, bill: Bill, lang: str) -> None:
        self.bill, self.lang = bill, lang
        self.settlement, self.scheme = bill.settlement, bill.scheme
        self.letters: dict[str, str] = {}

    def cite(self, citation: Citation) -> str:
        """A citation as the bill writes it: the document's letter, explained at the foot, and the article."""
        name = citation.document if self.lang == "zh" or not citation.document_en else citation.document_en
        if name not in self.letters:
            self.letters[name] = f"[{chr(ord('A') + len(self.letters))}]"
        article = citation.article
        if self.lang == "en":
            article = re.sub("^第([0-9]+)条$", r"art. \1", article)
        return f"{self.letters[name]} {article}"

    def word(self, key: str, **filled: object) -> str:
        return _WORDS[key][0 if self.lang == "zh" else 1].format(**filled)

    def fact(self, code: str, value: object) -> str:
        if isinstance(value, frozenset):
            words = [FACTS[code].word(v, self.lang) for v in sorted(value)]
            return ("、" if self.lang == "zh" else ", ").join(self.scheme.word(w, self.lang) for w in words)
        return self.scheme.word(FACTS[code].word(str(value), self.lang), self.lang)

    def lines(self) -> Iterator[str]:
        yield from self.head()
        yield ""
        yield from self.costs()
        yield ""
        yield from self.layers()
        yield ""
        yield from self.why()
        year = list(self.year())
        if year:
            yield ""
            yield from year
        notes = list(self.notes())
        if notes:
            yield ""
            yield from notes
        yield "═" * WIDTH

    def head(self) -> Iterator[str]:
        s = self.settlement
        area = self.scheme.name if self.lang == "zh" else self.scheme.name_en
        yield "═" * WIDTH
        yield self.word("title", area=area)
        answer = self.word(
            "answer",
            total=yuan_grouped(s.costs.total),
            paid=yuan_grouped(s.paid),
            patient=yuan_grouped(s.patient_share),
        )
        yield f"▶ {answer}{self.word('capitals', words=capitals(s.patient_share))}"
        if s.held:
            who = next(p.reviewer for p in s.payments if p.held)
            line = self.word("held", held=yuan_grouped(s.held), who=self.scheme.word(who, self.lang))
            other = self.settled_with("expert_review", "rejected")
            yield f"  {line}{self.word('rejected', other=yuan_grouped(other.patient_share)) if other else ''}"
        identities = "、".join(self.identities()) or self.word("none")
        yield f"{self.word('claim')}: {s.claim}   {self.word('who')}: {self.bill.beneficiary.person or '–'}   {self.word('identity')}: {identities}"
        shown = ("care", "institution", "institution_tier", "institution_level", "place", "referral", "diagnoses")
        said = self.bill.claim.facts
        facts = [self.fact(c, said[c]) if c != "referral" else self.labelled(c, said[c]) for c in shown if said.get(c)]
        dates = self.word("dates", admitted=self.bill.claim.admitted_on, discharged=self.bill.claim.discharged_on)
        yield from _wrapped(f"{self.word('care')}: {dates}  {' · '.join(facts)}", WIDTH, "")
        in_scope = s.costs.pots[0]
        if in_scope:
            scope = percent((2 * (in_scope - s.patient[0]) * 10_000 + in_scope) // (2 * in_scope))
            released = s.paid - s.held
            whole = percent((2 * released * 10_000 + s.costs.total) // (2 * s.costs.total))
            yield self.word("ratio", scope=scope, all=whole)

    def identities(self) -> Iterator[str]:
        """The identities that counted, each with its first day and who certified it."""
        s = self.settlement
        for mark in self.bill.beneficiary.identities:
            if not mark.holds_on(s.identity_on):
                continue
            name = self.fact("identity", mark.identity)
            by = DEPARTMENTS.get(mark.certified_by, mark.certified_by) if self.lang == "zh" else mark.certified_by
            key = "since" if by else "since_only"
            yield f"{name}（{self.word(key, begins=mark.from_on, by=by.replace('_', ' '))}）"

    def labelled(self, code: str, value: object) -> str:
        """A fact with its name, where its value alone would say nothing."""
        return self.word(
            "labelled", fact=FACTS[code].zh if self.lang == "zh" else FACTS[code].en, value=self.fact(code, value)
        )

    def settled_with(self, fact: str, value: str) -> Settlement | None:
        """The same bill with one fact otherwise; None if that cannot be settled."""
        claim = replace(self.bill.claim, facts={**self.bill.claim.facts, fact: value})
        try:
            return settle(claim, self.bill.beneficiary, self.settlement.year_before, self.scheme)
        except Problems:
            return None

    def costs(self) -> Iterator[str]:
        s = self.settlement
        rows = [
            (
                FACTS[pot].zh if self.lang == "zh" else FACTS[pot].en,
                yuan_grouped(s.costs.pots[p]),
                yuan_grouped(s.patient[p]),
            )
            for p, pot in enumerate(POTS)
            if s.costs.pots[p]
        ]
        rows.append((self.word("total"), yuan_grouped(s.costs.total), yuan_grouped(s.patient_share)))
        yield from self.table((self.word("cost"), self.word("billed"), self.word("yours")), rows, (40, 20, 20))

    def layers(self) -> Iterator[str]:
        rows = []
        for p in self.settlement.payments:
            payers = [self.scheme.word(payer, self.lang) for payer, _ in p.by_payer]
            cites = list(dict.fromkeys(self.cite(c) for c in p.citations if c.article))
            rows.append(
                (
                    self.name(p),
                    "、".join(payers),
                    yuan_grouped(p.amount),
                    yuan_grouped(p.tilt) if p.tilt else "",
                    "；".join(cites),
                )
            )
        rows.append((self.word("patient"), "", yuan_grouped(self.settlement.patient_share), "", ""))
        header = tuple(self.word(k) for k in ("layers", "payer", "amount", "tilt", "by"))
        yield from self.table(header, rows, (22, 30, 14, 13, 21), right=(2, 3))
        if self.settlement.unused:
            names = [self.layer_name(n) for n in self.settlement.unused]
            yield f"  {self.word('unused', layers=('、' if self.lang == 'zh' else ', ').join(names))}"

    def name(self, p: Payment) -> str:
        several = len({x.year for x in self.settlement.payments}) > 1
        return self.layer_name(p.layer.name) + (f" {p.year}" if several else "")

    def layer_name(self, name: str) -> str:
        layer = next(x for x in self.scheme.layers if x.name == name)
        return layer.name if self.lang == "zh" else layer.en

    def why(self) -> Iterator[str]:
        yield f"{self.word('why')}"
        for k, p in enumerate(self.settlement.payments, start=1):
            yield f" {k}. {self.name(p)}  {yuan_grouped(p.amount)}"
            for step in p.steps:
                first, *rest = _wrapped(self.english(step.sentence(self.lang, self.cite)), WIDTH - 6, "")
                yield f"    · {first}"
                yield from (f"      {line}" for line in rest)
            if len(p.by_payer) > 1:
                parts = [f"{self.scheme.word(payer, self.lang)} {yuan_grouped(fen)}" for payer, fen in p.by_payer]
                yield f"    · {' + '.join(parts)}"

    def english(self, sentence: str) -> str:
        if self.lang == "zh":
            return sentence
        for zh, en in self.scheme.english.items():
            sentence = sentence.replace(zh, en)
        for layer in self.scheme.layers:
            sentence = sentence.replace(layer.name, layer.en)
        return sentence

    def year(self) -> Iterator[str]:
        before, after = self.settlement.year_before, self.settlement.year_state
        ceilings = self.ceilings()
        rows = []
        for slot in self.settlement.slots:
            label = self.slot_label(slot)
            now = after.sums.get(slot, 0)
            was = before.sums.get(slot, 0) if before.year == after.year else 0
            if label and now:
                cap = ceilings.get(slot)
                of_cap = (yuan_grouped(cap), yuan_grouped(max(0, cap - now))) if cap is not None else ("", "")
                rows.append((label, yuan_grouped(was), yuan_grouped(now - was), yuan_grouped(now), *of_cap))
        if rows:
            names = [self.word(k) for k in ("before", "now", "after", "ceiling", "left")]
            yield from self.table(
                (self.word("year", year=after.year), *names), rows, (35, 13, 13, 13, 13, 13), (1, 2, 3, 4, 5)
            )

    def ceilings(self) -> dict[str, int]:
        """The ceilings that held for this bill, by the sum that they limit."""
        found: dict[str, int] = {}
        for p in self.settlement.payments:
            if p.case is None:
                continue
            f = p.case.figures
            pairs = [
                (f.annual_slot, f.annual),
                (f.deductible_slot, f.deductible_annual),
                *zip(f.account_slot, f.account_cap, strict=True),
            ]
            found |= {self.settlement.slots[slot]: cap for slot, cap in pairs if slot >= 0 and cap < NO_LIMIT}
        return found

    def slot_label(self, slot: str) -> str:
        if slot.startswith("另设·"):
            return slot.split(".", maxsplit=1)[0].removeprefix("另设·")
        name, _, kind = slot.partition(".")
        if kind not in _SUMS:
            return ""
        known = [x.name for x in self.scheme.layers]
        shown = self.layer_name(name) if name in known else self.scheme.word(name, self.lang)
        return _SUMS[kind][0 if self.lang == "zh" else 1].format(name=shown)

    def notes(self) -> Iterator[str]:
        lines: list[str] = [*self.other_referral(), *self.late_identities(), *self.unmatched_names()]
        for note in _by_reason(self.settlement.notes):
            cites = list(dict.fromkeys(self.cite(n.citation) for n in note))
            lines.append(f"{self.word(note[0].kind)} {'；'.join(cites)}: {note[0].reason}")
        lines += [f"{letter} {name}" for name, letter in self.letters.items()]
        days = {"admitted_on": "admission 入院", "discharged_on": "discharge 出院", "settled_on": "settling 结算"}
        chosen = self.scheme.conventions
        words = {k: days[d].split()[self.lang == "zh"] + f"（{on}）" for k, d, on in (
            ("policy", chosen.policy_date, self.settlement.policy_on), ("identity", chosen.identity_date, self.settlement.identity_on))}  # fmt: skip
        lines.append(self.word("days", **words))
        lines.append(self.word("digest", digest=self.settlement.digest, on=self.settlement.policy_on))
        yield self.word("notes")
        for line in lines:
            first, *rest = _wrapped(line, WIDTH - 4, "")
            yield f"  ※ {first}"
            yield from (f"    {more}" for more in rest)

    def other_referral(self) -> Iterator[str]:
        """What the patient would pay with (without) a referral, if that differs."""
        had = self.bill.claim.facts.get("referral")
        if had not in ("by_rule", "none"):
            return
        changed = self.settled_with("referral", "none" if had == "by_rule" else "by_rule")
        if changed is None:
            return
        gap = changed.patient_share - self.settlement.patient_share
        if gap:
            key = "referral" if had == "none" else "unreferred"
            yield self.word(key, other=yuan_grouped(changed.patient_share), gap=yuan_grouped(abs(gap)))

    def late_identities(self) -> Iterator[str]:
        """Identities that began during the stay, after the day that counts."""
        on = self.settlement.identity_on
        for mark in self.bill.beneficiary.identities:
            if on < mark.from_on <= self.bill.claim.settled_on:
                yield self.word(
                    "not_counted", identity=self.fact("identity", mark.identity), begins=mark.from_on, on=on
                )

    def unmatched_names(self) -> Iterator[str]:
        """Names that no rule of the area mentions: right for most diseases, wrong where a listed one was misspelt."""
        for code in dict.fromkeys(fact for fact, _ in self.settlement.unmatched):
            names = [name for fact, name in self.settlement.unmatched if fact == code]
            yield self.word(
                "unmatched", fact=FACTS[code].zh if self.lang == "zh" else FACTS[code].en, names="、".join(names)
            )

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        right: Sequence[int] = (1, 2, 3),
    ) -> Iterator[str]:
        """A table whose first column grows to hold its words."""
        wide = [
            max(w, *(width_of(r[k]) + 1 for r in (header, *rows))) if k != len(widths) - 1 else w
            for k, w in enumerate(widths)
        ]
        yield "".join(
            _pad(cell, w, k in right) if k in right else _pad(cell, w)
            for k, (cell, w) in enumerate(zip(self._spaced(header, right), wide, strict=True))
        ).rstrip()
        yield "─" * WIDTH
        for row in rows:
            yield "".join(
                _pad(cell, w, k in right)
                for k, (cell, w) in enumerate(zip(self._spaced(row, right), wide, strict=True))
            ).rstrip()

    @staticmethod
    def _spaced(row: Sequence[str], right: Sequence[int]) -> list[str]:
        """Leave a gap between a right-aligned column and a left-aligned one after it."""
        return [("  " + cell) if k - 1 in right and k not in right else cell for k, cell in enumerate(row)]


def _by_reason(notes: Iterable[Note]) -> list[list[Note]]:
    grouped: dict[tuple[str, str], list[Note]] = {}
    for note in notes:
        grouped.setdefault((note.kind, note.reason), []).append(note)
    return list(grouped.values())
