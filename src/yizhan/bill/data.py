"""The data of one bill, in one language: what the terminal, the page and the PDF print.

It is made from a settlement as it was stored (`docs/settle.md`) and from nothing else, so a bill prints years later as it was
settled, whatever has become of the policies. Every amount is one that the settlement names, in fen; the only arithmetic
here are differences and the two ratios of the head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from yizhan.bill.words import word
from yizhan.engine.facts import DEPARTMENTS, FACTS, POTS
from yizhan.engine.money import RATIO_ONE, capitals, half_up, parse_yuan, percent, yuan_grouped


@dataclass(frozen=True, slots=True)
class Pot:
    """One of the four pots: what was billed in it, and what of that is left to the patient."""

    name: str
    billed: int
    yours: int


@dataclass(frozen=True, slots=True)
class Category:
    """Costs of one receipt category（收费类别）, pot by pot."""

    name: str
    pots: tuple[int, int, int, int]

    @property
    def total(self) -> int:
        """All four pots."""
        return sum(self.pots)


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a layer's calculation: the sentence, and the rules behind it."""

    text: str
    told: str

    @property
    def sentence(self) -> str:
        """Both, as one sentence."""
        return f"{self.text}〔{self.told}〕" if self.told else self.text


@dataclass(frozen=True, slots=True)
class LayerLine:
    """What one layer pays. `base` is what it counts from (None: settled elsewhere), `ratio` the ratios that acted, in words."""

    number: int
    name: str
    payers: tuple[tuple[str, int], ...]
    base: int | None
    ratio: str
    deductible: int
    normal: int
    tilt: int
    penalty: int
    amount: int
    articles: str
    steps: tuple[StepLine, ...]
    held: bool
    reviewer: str
    advanced_by: str

    @property
    def payer(self) -> str:
        """Who pays; several with what each bears."""
        if len(self.payers) == 1:
            return self.payers[0][0]
        return " + ".join(f"{name} {yuan_grouped(fen)}" for name, fen in self.payers)


@dataclass(frozen=True, slots=True)
class SumLine:
    """One sum of the year. `left` is what remains under `ceiling`; `short` what is missing until the layer starts to pay."""

    name: str
    before: int
    now: int
    after: int
    ceiling: int | None
    starts_at: int | None

    @property
    def left(self) -> int | None:
        """What remains of the ceiling."""
        return None if self.ceiling is None else max(0, self.ceiling - self.after)

    @property
    def short(self) -> int | None:
        """What is missing to the deductible of a layer that adds up over the year."""
        return None if self.starts_at is None else max(0, self.starts_at - self.after)


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A note of the bill: its mark (代用数字, 读法 or none), the articles, the text."""

    mark: str
    articles: str
    text: str


@dataclass(frozen=True, slots=True)
class OneBill:
    """One settled bill, ready to be laid out; texts in `lang`, amounts in fen."""

    lang: str
    title: str
    claim: str
    admitted_on: str
    discharged_on: str
    care: tuple[str, ...]
    identities: tuple[str, ...]
    total: int
    paid: int
    patient: int
    held: int
    held_line: str
    in_words: str
    ratio_line: str
    pots: tuple[Pot, Pot, Pot, Pot]
    categories: tuple[Category, ...]
    layers: tuple[LayerLine, ...]
    unused: tuple[str, ...]
    year: int
    sums: tuple[SumLine, ...]
    advice: tuple[str, ...]
    notes: tuple[NoteLine, ...]
    documents: tuple[tuple[str, str], ...]
    rules_line: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The one line that matters: total − paid = what the patient owes."""
        return word(
            "answer",
            self.lang,
            total=yuan_grouped(self.total),
            paid=yuan_grouped(self.paid),
            patient=yuan_grouped(self.patient),
        )


def one_bill(
    stored: Mapping[str, Any], lang: str = "zh", categories: Iterable[tuple[str, tuple[int, int, int, int]]] = ()
) -> OneBill:
    """A bill from a settlement as stored, and its costs by receipt category (name, fen by pot) where they are known."""
    return _Reading(stored, lang).bill(tuple(Category(name, pots) for name, pots in categories))


class _Reading:
    """Reads one stored settlement. Documents get their letters in the order in which the bill cites them."""

    def __init__(self, stored: Mapping[str, Any], lang: str) -> None:
        self.stored, self.told, self.lang = stored, stored["bill"], lang
        self.letters: dict[str, str] = {}
        english = self.told["names"]
        self.names: dict[str, str] = {} if lang == "zh" else english
        self.longest = sorted(self.names, key=len, reverse=True)

    def bill(self, categories: tuple[Category, ...]) -> OneBill:
        s, told = self.stored, self.told
        total, paid, held = (parse_yuan(x) for x in (s["amounts"]["total"], s["paid"], s["held"]))
        patient = parse_yuan(s["patient"]["total"])
        articles = [self.cites(p["citations"]) for p in s["payments"]]  # the table's letters come before the steps'
        several = len({p["year"] for p in s["payments"]}) > 1
        layers = tuple(self.layer(k, p, articles[k - 1], several) for k, p in enumerate(s["payments"], start=1))
        notes = tuple(self.notes())
        return OneBill(
            lang=self.lang,
            title=word("title", self.lang, area=self.pick(told["area"])),
            claim=s["claim"],
            admitted_on=told["admitted_on"],
            discharged_on=told["discharged_on"],
            care=tuple(self.fact(f) for f in told["facts"]),
            identities=tuple(self.identity(m) for m in told["identities"] if m["counts"]),
            total=total,
            paid=paid,
            patient=patient,
            held=held,
            held_line=self.held_line(held, layers),
            in_words=capitals(patient),
            ratio_line=self.ratio_line(total, paid - held),
            pots=self.pots(),
            categories=categories,
            layers=layers,
            unused=tuple(self.name(n) for n in s["unused"]),
            year=told["year"],
            sums=tuple(self.sums()),
            advice=tuple(self.advice(patient)),
            notes=notes,
            documents=tuple((letter, name) for name, letter in self.letters.items()),
            rules_line=tuple(self.rules()),
        )

    # words

    def pick(self, words: Mapping[str, str]) -> str:
        return words["name"] if self.lang == "zh" else words["name_en"]

    def name(self, name: str) -> str:
        return self.names.get(name, name)

    def joined(self, words: Iterable[str]) -> str:
        return ("、" if self.lang == "zh" else ", ").join(words)

    def cite(self, citation: Mapping[str, str]) -> str:
        """A citation as the bill writes it: the document's letter, explained at the foot, and the article."""
        name = citation["document"] if self.lang == "zh" else citation["document_en"] or citation["document"]
        if name not in self.letters:
            self.letters[name] = f"[{_letter(len(self.letters))}]"
        article = citation["article"]
        if self.lang == "en":
            article = re.sub("^第([0-9]+)条$", r"art. \1", article)
        return f"{self.letters[name]} {article}"

    def cites(self, citations: Iterable[Mapping[str, str]]) -> str:
        return ("；" if self.lang == "zh" else "; ").join(
            dict.fromkeys(self.cite(c) for c in citations if c["article"])
        )

    def fact(self, told: Mapping[str, Any]) -> str:
        value = self.joined(self.pick(v) for v in told["values"])
        if told["fact"] not in ("referral", "emergency"):
            return value
        return word("labelled", self.lang, fact=self.fact_name(told["fact"]), value=value)

    def fact_name(self, code: str) -> str:
        return FACTS[code].zh if self.lang == "zh" else FACTS[code].en

    def identity(self, mark: Mapping[str, Any]) -> str:
        by = mark["certified_by"]
        by = DEPARTMENTS.get(by, by) if self.lang == "zh" else by.replace("_", " ")
        key = "since" if by else "since_only"
        return word(key, self.lang, identity=self.pick(mark), begins=mark["from"], by=by)

    # parts

    def held_line(self, held: int, layers: Sequence[LayerLine]) -> str:
        if not held:
            return ""
        who = next(layer.reviewer for layer in layers if layer.held)
        line = word("held", self.lang, held=yuan_grouped(held), who=who)
        other = self.alternative("expert_review")
        return line + ("" if other is None else word("rejected", self.lang, other=yuan_grouped(other)))

    def alternative(self, fact: str) -> int | None:
        """What the patient would pay if this fact were otherwise; None where it was not asked or changes nothing."""
        found = [a for a in self.told.get("alternatives", ()) if a["fact"] == fact]
        return parse_yuan(found[0]["patient"]) if found else None

    def ratio_line(self, total: int, released: int) -> str:
        in_scope = parse_yuan(self.stored["amounts"]["in_scope"])
        if not in_scope:
            return ""
        left = parse_yuan(self.stored["patient"]["in_scope"])
        return word(
            "ratio", self.lang,
            scope=percent(half_up((in_scope - left) * RATIO_ONE, in_scope)), all=percent(half_up(released * RATIO_ONE, total)),
        )  # fmt: skip

    def pots(self) -> tuple[Pot, Pot, Pot, Pot]:
        billed, yours = self.stored["amounts"], self.stored["patient"]
        a, b, c, d = (Pot(self.fact_name(p), parse_yuan(billed[p]), parse_yuan(yours[p])) for p in POTS)
        return a, b, c, d

    def layer(self, number: int, p: Mapping[str, Any], articles: str, several: bool) -> LayerLine:
        name = p["layer"] if self.lang == "zh" else p["layer_en"]
        return LayerLine(
            number=number,
            name=f"{name} {p['year']}" if several else name,
            payers=tuple((self.name(one["payer"]), parse_yuan(one["amount"])) for one in p["payers"]),
            base=None if p["base"] is None else parse_yuan(p["base"]),
            ratio=self.joined(percent(int(r.replace(".", ""))) for r in p["ratios"]),
            articles=articles,
            steps=tuple(self.step(step) for step in p["steps"]),
            held=p["held"],
            reviewer=self.name(p["reviewer"]),
            advanced_by=self.name(p["advanced_by"]),
            **{k: parse_yuan(p[k]) for k in ("deductible", "normal", "tilt", "penalty", "amount")},
        )

    def step(self, step: Mapping[str, Any]) -> StepLine:
        """A stored sentence with letters instead of documents, and English names where there are any."""
        sentence = step[self.lang]
        text, told = sentence, ""
        if step["citations"] and sentence.endswith("〕"):
            text, _, told = sentence[:-1].partition("〔")
            written = {self.in_full(c): self.cite(c) for c in step["citations"]}
            for full in sorted(written, key=len, reverse=True):
                told = told.replace(full, written[full])
        for name in self.longest:
            text = text.replace(name, self.names[name])
        return StepLine(text, told)

    def in_full(self, citation: Mapping[str, str]) -> str:
        """A citation as the stored sentence writes it."""
        name = citation["document"] if self.lang == "zh" else citation["document_en"] or citation["document"]
        return f"{name} {citation['article']}"

    def sums(self) -> Iterator[SumLine]:
        for found in self.told["sums"]:
            before, after = parse_yuan(found["before"]), parse_yuan(found["after"])
            ceiling, starts = (None if found[k] is None else parse_yuan(found[k]) for k in ("ceiling", "starts_at"))
            yield SumLine(self.pick(found), before, after - before, after, ceiling, starts)

    def advice(self, patient: int) -> Iterator[str]:
        """What a referral would have changed, identities that came too late, names that no rule knows."""
        other = self.alternative("referral")
        if other is not None and other != patient:
            value = next(a["value"] for a in self.told["alternatives"] if a["fact"] == "referral")
            key = "referral" if value == "by_rule" else "unreferred"
            yield word(key, self.lang, other=yuan_grouped(other), gap=yuan_grouped(abs(other - patient)))
        for gone in self.told["ended"]:
            name = gone["document"] if self.lang == "zh" else gone["document_en"] or gone["document"]
            yield word("ended", self.lang, document=name, on=gone["on"])
        for mark in self.told["identities"]:
            if not mark["counts"]:
                on = self.stored["identity_on"]
                yield word("not_counted", self.lang, identity=self.pick(mark), begins=mark["from"], on=on)
        # Most diseases are on no list: that says nothing. A hospital or county that no rule knows may be misspelt.
        for code in dict.fromkeys(u["fact"] for u in self.stored["unmatched"] if u["fact"] != "diagnoses"):
            names = [u["name"] for u in self.stored["unmatched"] if u["fact"] == code]
            yield word("unmatched", self.lang, fact=self.fact_name(code), names="、".join(names))

    def notes(self) -> Iterator[NoteLine]:
        """Stand-ins and readings, those of one reason together."""
        grouped: dict[tuple[str, str], list[Mapping[str, str]]] = {}
        kinds = [("stand_in", n) for n in self.stored["stand_ins"]] + [("reading", n) for n in self.stored["readings"]]
        for kind, note in kinds:
            grouped.setdefault((kind, note["reason"]), []).append(note["citation"])
        for (kind, reason), citations in grouped.items():
            cites = "；".join(dict.fromkeys(self.cite(c) for c in citations))
            yield NoteLine(word(kind, self.lang), cites, reason)

    def rules(self) -> Iterator[str]:
        days = {
            k: f"{word(self.told['days'][k], self.lang)}（{self.stored[f'{k}_on']}）" for k in ("policy", "identity")
        }
        yield word("days", self.lang, **days)
        yield word("digest", self.lang, digest=self.told["digest"], on=self.stored["policy_on"])


@lru_cache(maxsize=1024)
def _letter(number: int) -> str:
    """A, B … Z, AA, AB …"""
    return (_letter(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)
