"""What other programs send and receive: JSON in, JSON out, and the schemas of both.

The input is one object: an area, a beneficiary, optionally the year so far, and claims in the order of settling. Facts may
be written as English codes or as the Chinese legal terms. Amounts are yuan as text with two decimals, because a JSON
number passes through binary floating point in most programs. Everything wrong with an input is reported at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from yizhan.engine.claim import Beneficiary, Claim, Costs, Given, IdentityMark, YearState
from yizhan.engine.facts import CHARGES, DEPARTMENTS, FACTS, FACTS_ZH, POTS, Fact
from yizhan.engine.money import MOST_FEN, parse_yuan, yuan
from yizhan.engine.scheme import Citation, Note, Scheme
from yizhan.engine.settlement import Payment, Settlement, resolver_of, settle, structure_of
from yizhan.engine.statement import alternatives, english_names, ratios_of, year_sums
from yizhan.errors import (
    AmountsDisagree,
    AmountTooLarge,
    BadAmount,
    BadCode,
    BadDate,
    BadIdNumber,
    ChargesByYear,
    ClaimsOutOfOrder,
    DatesOutOfOrder,
    DuplicateClaim,
    MissingKey,
    NotJson,
    Problem,
    Problems,
    SaidTwice,
    StateOfOtherPerson,
    StateOfOtherScheme,
    UnknownKey,
    UnknownValue,
    WrongShape,
)
from yizhan.policy.areas import load_scheme
from yizhan.policy.endings import ended
from yizhan.policy.rules import nearest

PERSON_FACTS = tuple(f for f in FACTS.values() if f.about == "person" and f.code not in ("identity", "age"))
CLAIM_FACTS = tuple(f for f in FACTS.values() if f.about == "claim" and f.code not in ("diagnoses", "days"))


@dataclass(frozen=True)
class Request:
    """A read input: the area's scheme, the person, the claims in order, and the year so far."""

    scheme: Scheme
    beneficiary: Beneficiary
    claims: tuple[Claim, ...]
    year_state: YearState | None = None


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_request(text: str, policies: Path | None = None) -> Request:
    """Read an input. Raises Problems with everything found wrong in it."""
    try:
        data = json.loads(text, object_pairs_hook=_no_repeats)
    except json.JSONDecodeError as error:
        raise Problems([NotJson(line=error.lineno, column=error.colno, why=error.msg)]) from None
    except ValueError:
        raise Problems([NotJson(line=1, column=1, why="a number with too many digits 数字位数太多")]) from None
    except RecursionError:
        raise Problems([NotJson(line=1, column=1, why="nested too deeply 嵌套太深")]) from None
    try:
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Problems([NotJson(line=1, column=1, why="half a character (\\ud800 …) 有半个字符")]) from None
    reader = _Reader()
    body = reader.mapping(data, "")
    reader.known_keys(body, "", ("area", "beneficiary", "year_state", "claims"))
    for key, meaning in (
        ("area", "统筹区代码 code of the pooling area"),
        ("beneficiary", "参保人 the insured person"),
        ("claims", "各单 the bills"),
    ):
        if key not in body:
            reader.problems.append(MissingKey(key=key, meaning=meaning))
    scheme = reader.scheme(body.get("area"), policies)
    beneficiary = reader.beneficiary(body.get("beneficiary", {}))
    claims = reader.claims(body.get("claims", []), scheme)
    state = (
        reader.year_state(body["year_state"], scheme, beneficiary.person)
        if body.get("year_state") is not None
        else None
    )
    if state and state.last_on and claims and claims[0].settled_on < state.last_on:
        reader.problems.append(ClaimsOutOfOrder(at="claims[0]", on=claims[0].settled_on, before=state.last_on))
    if reader.problems or scheme is None:
        raise Problems(reader.problems)
    return Request(scheme, beneficiary, claims, state)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise json.JSONDecodeError(f"“{repeated}” stands twice 重复", "", 0)
    return found


class _Reader:
    """Reads one input; problems are collected with the path at which they stand."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    # shapes

    def mapping(self, found: Any, at: str) -> dict[str, Any]:
        return self._shape(found, at, dict, "对象 {…}", "an object {…}", {})

    def listing(self, found: Any, at: str) -> list[Any]:
        return self._shape(found, at, list, "数组 […]", "an array […]", [])

    def text(self, found: Any, at: str) -> str:
        return self._shape(found, at, str, "文本", "text", "")

    def _shape(self, found: Any, at: str, kind: type, zh: str, en: str, instead: Any) -> Any:
        if isinstance(found, kind):
            return found
        self.problems.append(
            WrongShape(at=at, expected_zh=zh, expected_en=en, found=json.dumps(found, ensure_ascii=False)[:60])
        )
        return instead

    def known_keys(self, found: Mapping[str, Any], at: str, known: Iterable[str]) -> None:
        known = tuple(known)
        for key in found:
            if key not in known:
                zh, en = nearest(key, known)
                self.problems.append(UnknownKey(at=at, key=key, hint_zh=zh, hint_en=en))

    def day(self, found: Any, at: str) -> date | None:
        before = len(self.problems)
        text = self.text(found, at)
        if len(self.problems) > before:
            return None
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                raise ValueError(text)
            return date.fromisoformat(text)
        except ValueError:
            self.problems.append(BadDate(at=at, value=text))
            return None

    def amount(self, found: Any, at: str) -> int:
        try:
            if not isinstance(found, str):
                raise ValueError(found)
            fen = parse_yuan(found)
            if found.startswith("-"):
                raise ValueError(found)
        except ValueError:
            self.problems.append(BadAmount(at=at, value=json.dumps(found, ensure_ascii=False)))
            return 0
        if fen > MOST_FEN:
            self.problems.append(AmountTooLarge(at=at, value=found, most=yuan(MOST_FEN)))
            return 0
        return fen

    def fact(self, fact: Fact, found: Any, at: str) -> object:
        """A closed or named fact, by code or Chinese term; yes/no facts also as true/false."""
        if isinstance(found, bool) and {v.code for v in fact.values} == {"yes", "no"}:
            return "yes" if found else "no"
        before = len(self.problems)
        word = self.text(found, at)
        if len(self.problems) > before:
            return None
        if not word.strip() and not fact.values:
            self.problems.append(
                WrongShape(
                    at=at,
                    expected_zh="名称（不知道就不要写这一项）",
                    expected_en="a name (leave the key out if it is not known)",
                    found='""',
                )
            )
            return None
        if not fact.values:
            return word.strip()
        value = fact.value(word)
        if value is None:
            self.problems.append(
                UnknownValue(
                    at=at, value=word, fact_zh=fact.zh, fact_en=fact.en, allowed_zh="、".join(v.zh for v in fact.values),
                    allowed_en=", ".join(v.code for v in fact.values),
                )
            )  # fmt: skip
            return None
        return value.code

    def _facts(self, known: Iterable[Fact], body: Mapping[str, Any], at: str, facts: dict[str, object]) -> None:
        """Read the facts that a body gives, each by its code or its Chinese term, not by both."""
        for fact in known:
            said = [key for key in (fact.code, fact.zh) if key in body]
            if len(said) > 1:
                self.problems.append(SaidTwice(at=at, key=fact.code, other=fact.zh))
            for key in said:
                facts[fact.code] = self.fact(fact, body[key], f"{at}.{key}")

    # parts

    def scheme(self, found: Any, policies: Path | None) -> Scheme | None:
        if not isinstance(found, str):
            if found is not None:
                self.text(found, "area")
            return None
        try:
            return load_scheme(found, policies)
        except Problems as refused:
            self.problems += refused.problems
            return None

    def beneficiary(self, found: Any) -> Beneficiary:
        body, at = self.mapping(found, "beneficiary"), "beneficiary"
        keys = (
            "person",
            "id_number",
            "born_on",
            "insured",
            "identities",
            *(f.code for f in PERSON_FACTS),
            *(f.zh for f in PERSON_FACTS),
        )
        self.known_keys(body, at, keys)
        born = self.day(body["born_on"], f"{at}.born_on") if "born_on" in body else None
        facts: dict[str, object] = {}
        self._facts(PERSON_FACTS, body, at, facts)
        if "id_number" in body:
            born = self._id_number(self.text(body["id_number"], f"{at}.id_number"), born, facts)
        marks = []
        for k, mark in enumerate(self.listing(body.get("identities", []), f"{at}.identities")):
            marks += self._mark(mark, f"{at}.identities[{k}]")
        insured = None
        if "insured" in body:
            insured = tuple(
                self._period(p, f"{at}.insured[{k}]")
                for k, p in enumerate(self.listing(body["insured"], f"{at}.insured"))
            )
        return Beneficiary(self._number(body.get("person", ""), f"{at}.person"), born, facts, tuple(marks), insured)

    def _period(self, found: Any, at: str) -> tuple[date, date | None]:
        body = self.mapping(found, at)
        self.known_keys(body, at, ("from", "to"))
        if "from" not in body:
            self.problems.append(MissingKey(at=at, key="from", meaning="起始日 first day"))
        begins = (self.day(body["from"], f"{at}.from") if "from" in body else None) or date.min
        ends = self.day(body["to"], f"{at}.to") if body.get("to") is not None else None
        if ends is not None and ends < begins:
            self.problems.append(
                DatesOutOfOrder(
                    at=at, first_zh="起", first_en="from", first=begins, second_zh="止", second_en="to", second=ends
                )
            )
        return begins, ends

    def _mark(self, found: Any, at: str) -> list[IdentityMark]:
        body = self.mapping(found, at)
        self.known_keys(body, at, ("identity", "from", "to", "certified_by"))
        if "identity" not in body or "from" not in body:
            key = "identity" if "identity" not in body else "from"
            self.problems.append(
                MissingKey(at=at, key=key, meaning="身份类别 the category" if key == "identity" else "起始日 first day")
            )
            return []
        code = self.fact(FACTS["identity"], body["identity"], f"{at}.identity")
        begins, ends = self._period({k: v for k, v in body.items() if k in ("from", "to")}, at)
        by = self.text(body["certified_by"], f"{at}.certified_by") if "certified_by" in body else ""
        if by and by not in DEPARTMENTS and by not in DEPARTMENTS.values():
            self.problems.append(
                UnknownValue(
                    at=f"{at}.certified_by", value=by, fact_zh="认定部门", fact_en="certifying department",
                    allowed_zh="、".join(DEPARTMENTS.values()), allowed_en=", ".join(DEPARTMENTS),
                )
            )  # fmt: skip
        return [IdentityMark(code, begins, ends, str(by))] if isinstance(code, str) else []

    def _id_number(self, number: str, born: date | None, facts: dict[str, object]) -> date | None:
        """Check a resident ID (GB 11643) and take birth and sex from it."""

        def refuse(zh: str, en: str) -> date | None:
            masked = f"{number[:3]}…{number[-2:]}" if len(number) > 8 else "…"
            self.problems.append(BadIdNumber(at="beneficiary.id_number", masked=masked, why_zh=zh, why_en=en))
            return born

        if not re.fullmatch(r"[1-9][0-9]{16}[0-9X]", number):
            return refuse(
                "应为17位数字加校验码（数字或大写X）",
                "it should be 17 digits and a check character (digit or capital X)",
            )
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        if "10X98765432"[sum(int(d) * w for d, w in zip(number, weights, strict=False)) % 11] != number[17]:
            return refuse("校验码不对，可能录错了一位", "the check character does not fit; a digit may be mistyped")
        try:
            printed = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
        except ValueError:
            return refuse("出生日期不存在", "its date of birth does not exist")
        if born is not None and born != printed:
            return refuse("与出生日期不符", "it disagrees with the date of birth")
        sex = "male" if int(number[16]) % 2 else "female"
        if facts.setdefault("sex", sex) != sex:
            return refuse("与性别不符", "it disagrees with the sex")
        return printed

    def claims(self, found: Any, scheme: Scheme | None) -> tuple[Claim, ...]:
        claims: list[Claim] = []
        seen: set[str] = set()
        for k, body in enumerate(self.listing(found, "claims")):
            at = f"claims[{k}]"
            claim = self._claim(self.mapping(body, at), at, scheme)
            if claim is None:
                continue
            if claim.number in seen:
                self.problems.append(DuplicateClaim(at=at, claim=claim.number))
            seen.add(claim.number)
            if claims and claim.settled_on < claims[-1].settled_on:
                self.problems.append(ClaimsOutOfOrder(at=at, on=claim.settled_on, before=claims[-1].settled_on))
            claims.append(claim)
        if isinstance(found, list) and not found:
            self.problems.append(MissingKey(at="claims", key="[0]", meaning="至少一单 at least one bill"))
        return tuple(claims)

    def _claim(self, body: dict[str, Any], at: str, scheme: Scheme | None) -> Claim | None:
        plain = (
            "claim",
            "admitted_on",
            "discharged_on",
            "settled_on",
            "diagnoses",
            "days",
            "amounts",
            "amounts_by_year",
            "charges",
            "lines",
            "given",
        )
        self.known_keys(body, at, (*plain, *(f.code for f in CLAIM_FACTS), *(f.zh for f in CLAIM_FACTS)))
        days = {
            key: self.day(body[key], f"{at}.{key}")
            for key in ("admitted_on", "discharged_on", "settled_on")
            if key in body
        }
        if "discharged_on" not in body:
            self.problems.append(
                MissingKey(at=at, key="discharged_on", meaning="出院或就诊日期 day of discharge or care")
            )
        discharged = days.get("discharged_on")
        admitted = days.get("admitted_on", discharged)
        settled = days.get("settled_on", discharged)
        facts: dict[str, object] = {}
        self._facts(CLAIM_FACTS, body, at, facts)
        if "care" not in facts:
            self.problems.append(MissingKey(at=at, key="care", meaning="医疗类别 kind of care"))
        if "diagnoses" in body:
            words = [
                self.text(w, f"{at}.diagnoses[{k}]")
                for k, w in enumerate(self.listing(body["diagnoses"], f"{at}.diagnoses"))
            ]
            facts["diagnoses"] = scheme.diseases(words) if scheme else frozenset(words)
        if "days" in body:
            if not isinstance(body["days"], int) or isinstance(body["days"], bool) or not 0 <= body["days"] <= 3660:
                self.problems.append(
                    WrongShape(
                        at=f"{at}.days",
                        expected_zh="0至3660的整数",
                        expected_en="a whole number from 0 to 3660",
                        found=body["days"],
                    )
                )
            else:
                facts["days"] = body["days"]
        costs, by_year = self._costs(body, at, scheme)
        given = self._given(body.get("given", {}), f"{at}.given", scheme)
        if discharged is None or admitted is None or settled is None:
            return None
        for first, second in (
            (("admitted_on", "入院", admitted), ("discharged_on", "出院", discharged)),
            (("discharged_on", "出院", discharged), ("settled_on", "结算", settled)),
        ):
            if first[2] > second[2]:
                self.problems.append(
                    DatesOutOfOrder(
                        at=at,
                        first_zh=first[1],
                        first_en=first[0],
                        first=first[2],
                        second_zh=second[1],
                        second_en=second[0],
                        second=second[2],
                    )
                )
        return Claim(
            self._number(body.get("claim", at), f"{at}.claim"),
            admitted,
            discharged,
            settled,
            costs,
            facts,
            given,
            by_year,
        )

    def _number(self, found: Any, at: str) -> str:
        """A claim's or person's number: text, or a whole number."""
        return str(found) if isinstance(found, int) and not isinstance(found, bool) else self.text(found, at)

    def _pots(self, found: Any, at: str) -> tuple[int, int, int, int]:
        body = self.mapping(found, at)
        self.known_keys(body, at, ("total", *POTS))
        pots = [self.amount(body[p], f"{at}.{p}") if p in body else 0 for p in POTS]
        if "total" not in body:
            self.problems.append(MissingKey(at=at, key="total", meaning="费用总额 the bill"))
        else:
            total = self.amount(body["total"], f"{at}.total")
            self._agree(total, sum(pots), at, "各项金额", "the four amounts")
        return pots[0], pots[1], pots[2], pots[3]

    def _agree(self, total: int, parts: int, at: str, zh: str, en: str) -> None:
        if total != parts:
            self.problems.append(
                AmountsDisagree(
                    at=at, total=yuan(total), parts=yuan(parts), gap=yuan(total - parts), what_zh=zh, what_en=en
                )
            )

    def _costs(self, body: dict[str, Any], at: str, scheme: Scheme | None) -> tuple[Costs, dict[int, Costs]]:
        """The pots of a claim, from `amounts`, from `lines`, or from both if they agree; and each year's where needed."""
        lines = [
            self._line(x, f"{at}.lines[{k}]") for k, x in enumerate(self.listing(body.get("lines", []), f"{at}.lines"))
        ]
        charges = [0, 0, 0, 0]
        said = self.mapping(body.get("charges", {}), f"{at}.charges")
        self.known_keys(said, f"{at}.charges", (*CHARGES, *(FACTS[c].zh for c in CHARGES)))
        for k, charge in enumerate(CHARGES):
            for key in (charge, FACTS[charge].zh):
                if key in said:
                    charges[k] = self.amount(said[key], f"{at}.charges.{key}")
            charges[k] += sum(line.costs.charges[k] for line in lines)
        summed = tuple(sum(line.costs.pots[p] for line in lines) for p in range(4))
        if "amounts" in body:
            pots = self._pots(body["amounts"], f"{at}.amounts")
            if lines:
                for p, pot in enumerate(POTS):
                    self._agree(
                        pots[p], summed[p], f"{at}.lines", f"明细的{FACTS[pot].zh}", f"the lines' {FACTS[pot].en}"
                    )
        elif lines:
            pots = (summed[0], summed[1], summed[2], summed[3])
        else:
            self.problems.append(
                MissingKey(at=at, key="amounts", meaning="费用（或给 lines 明细） the cost (or give lines)")
            )
            pots = (0, 0, 0, 0)
        if sum(pots) > MOST_FEN:
            self.problems.append(AmountTooLarge(at=f"{at}.amounts", value=yuan(sum(pots)), most=yuan(MOST_FEN)))
        if sum(charges) > sum(pots):
            self._agree(
                sum(pots),
                sum(charges),
                f"{at}.charges",
                "收费项目（合计不得超过总额）",
                "the charges (they may not exceed the bill)",
            )
        costs = Costs(pots, (charges[0], charges[1], charges[2], charges[3]))
        return costs, self._by_year(body, at, scheme, costs, lines)

    def _by_year(
        self, body: dict[str, Any], at: str, scheme: Scheme | None, costs: Costs, lines: Sequence[_Line]
    ) -> dict[int, Costs]:
        by_year: dict[int, Costs] = {}
        for year, found in self.mapping(body.get("amounts_by_year", {}), f"{at}.amounts_by_year").items():
            if not re.fullmatch("[12][0-9]{3}", year):
                self.problems.append(
                    BadCode(
                        at=f"{at}.amounts_by_year",
                        value=year,
                        what_zh="年份",
                        what_en="a year",
                        form_zh="四位数字",
                        form_en="four digits",
                    )
                )
                continue
            by_year[int(year)] = Costs(self._pots(found, f"{at}.amounts_by_year.{year}"))
        if by_year:
            for p, pot in enumerate(POTS):
                self._agree(
                    costs.pots[p],
                    sum(c.pots[p] for c in by_year.values()),
                    f"{at}.amounts_by_year",
                    f"各年的{FACTS[pot].zh}",
                    f"the years' {FACTS[pot].en}",
                )
            if any(costs.charges):
                self.problems.append(ChargesByYear(at=f"{at}.charges"))
        elif lines and scheme and all(line.on for line in lines):
            for line in lines:
                assert line.on is not None
                of_line = scheme.conventions.year_of(line.on)
                by_year[of_line] = _added(by_year.get(of_line, Costs((0, 0, 0, 0))), line.costs)
        return by_year

    def _line(self, found: Any, at: str) -> _Line:
        body = self.mapping(found, at)
        self.known_keys(body, at, ("on", "name", "code", "charge", "total", *POTS))
        on = self.day(body["on"], f"{at}.on") if "on" in body else None
        pots = self._pots({k: v for k, v in body.items() if k in ("total", *POTS)}, at)
        charges = [0, 0, 0, 0]
        if "charge" in body:
            word = self.text(body["charge"], f"{at}.charge")
            fact = FACTS.get(word) or FACTS_ZH.get(word)
            if fact is None or fact.code not in CHARGES:
                self.problems.append(
                    UnknownValue(
                        at=f"{at}.charge",
                        value=word,
                        fact_zh="收费项目",
                        fact_en="charge",
                        allowed_zh="、".join(FACTS[c].zh for c in CHARGES),
                        allowed_en=", ".join(CHARGES),
                    )
                )
            else:
                charges[CHARGES.index(fact.code)] = sum(pots)
        return _Line(on, Costs(pots, (charges[0], charges[1], charges[2], charges[3])))

    def _given(self, found: Any, at: str, scheme: Scheme | None) -> dict[str, Given]:
        given = {}
        names = [layer.name for layer in scheme.layers] if scheme else []
        for layer, said in self.mapping(found, at).items():
            if scheme and layer not in names:
                zh, en = nearest(layer, names)
                self.problems.append(
                    UnknownKey(
                        at=at,
                        key=layer,
                        hint_zh=zh or f"本地的层：{'、'.join(names)}。",
                        hint_en=en or f"Layers here: {', '.join(names)}.",
                    )
                )
                continue
            body = self.mapping(said, f"{at}.{layer}")
            self.known_keys(body, f"{at}.{layer}", ("amount", "deductible"))
            if "amount" not in body:
                self.problems.append(MissingKey(at=f"{at}.{layer}", key="amount", meaning="已付金额 amount paid"))
                continue
            deductible = self.amount(body["deductible"], f"{at}.{layer}.deductible") if "deductible" in body else None
            given[layer] = Given(self.amount(body["amount"], f"{at}.{layer}.amount"), deductible)
        return given

    def year_state(self, found: Any, scheme: Scheme | None, person: str) -> YearState | None:
        body, at = self.mapping(found, "year_state"), "year_state"
        self.known_keys(body, at, ("structure", "person", "year", "sums", "stays", "last_on"))
        if body.get("person") and person and body["person"] != person_mark(person):
            self.problems.append(StateOfOtherPerson(at=f"{at}.person"))
        for key in ("structure", "year", "sums", "stays"):
            if key not in body:
                self.problems.append(
                    MissingKey(
                        at=at, key=key, meaning="与上次结算返回的 year_state 相同 as returned by the settlement before"
                    )
                )
        year = body.get("year", 0)
        if not isinstance(year, int) or isinstance(year, bool):
            self.problems.append(
                WrongShape(at=f"{at}.year", expected_zh="年份（整数）", expected_en="a year (whole number)", found=year)
            )
            year = 0
        slots = resolver_of(scheme).slots.names if scheme else list(self.mapping(body.get("sums", {}), f"{at}.sums"))
        self.known_keys(self.mapping(body.get("sums", {}), f"{at}.sums"), f"{at}.sums", slots)
        sums = {
            k: self.amount(v, f"{at}.sums.{k}") for k, v in self.mapping(body.get("sums", {}), f"{at}.sums").items()
        }
        stays = {}
        for key, count in self.mapping(body.get("stays", {}), f"{at}.stays").items():
            if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= 100_000:
                self.problems.append(
                    WrongShape(at=f"{at}.stays.{key}", expected_zh="次数", expected_en="a count", found=count)
                )
            else:
                stays[key] = count
        last = self.day(body["last_on"], f"{at}.last_on") if body.get("last_on") else None
        structure = self.text(body.get("structure", ""), f"{at}.structure")
        if scheme and structure and structure != structure_of(scheme):
            self.problems.append(StateOfOtherScheme(at=at, found=structure, expected=structure_of(scheme)))
        return YearState(structure, year, sums, stays, last)


@dataclass(frozen=True, slots=True)
class _Line:
    on: date | None
    costs: Costs


def _added(a: Costs, b: Costs) -> Costs:
    pots = [x + y for x, y in zip(a.pots, b.pots, strict=True)]
    charges = [x + y for x, y in zip(a.charges, b.charges, strict=True)]
    return Costs((pots[0], pots[1], pots[2], pots[3]), (charges[0], charges[1], charges[2], charges[3]))


def settle_request(request: Request) -> list[Settlement]:
    """Settle the claims of an input in order. Raises Problems, each led by its claim."""
    settlements: list[Settlement] = []
    problems: list[Problem] = []
    state = request.year_state
    for k, claim in enumerate(request.claims):
        try:
            settlement = settle(claim, request.beneficiary, state, request.scheme)
        except Problems as refused:
            for problem in refused.problems:
                if problem.at == claim.number:
                    problem.at = f"claims[{k}]"
            problems += refused.problems
            continue
        state = settlement.year_state
        settlements.append(settlement)
    if problems:
        raise Problems(problems)
    return settlements


def read_state(found: Mapping[str, Any], scheme: Scheme, person: str) -> YearState:
    """A year state that `state_as_json` wrote. Raises Problems, also if it is of another scheme or person."""
    reader = _Reader()
    state = reader.year_state(dict(found), scheme, person)
    if reader.problems or state is None:
        raise Problems(reader.problems)
    return state


# --- Writing ----------------------------------------------------------------------------------------------------------


def as_json(request: Request, settlements: Sequence[Settlement], *, whole: bool = False) -> dict[str, Any]:
    """The output for other programs, as `yizhan schema` describes it.

    `whole` adds to each settlement what the patient would pay otherwise: one or two more runs of the engine.
    """
    scheme = request.scheme
    claims = {claim.number: claim for claim in request.claims}
    written = [settlement_as_json(s, claims[s.claim], request.beneficiary, scheme, whole=whole) for s in settlements]
    return {
        "area": {"code": scheme.area, "name": scheme.name, "name_en": scheme.name_en},
        "digest": scheme.digest,
        "settlements": written,
        "year_state": state_as_json(settlements[-1].year_state, request.beneficiary.person),
    }


def settlement_as_json(
    settlement: Settlement, claim: Claim, beneficiary: Beneficiary, scheme: Scheme, *, whole: bool = False
) -> dict[str, Any]:
    """One settlement with all that the one bill prints: what is stored of it prints for ever, whatever becomes of the policies."""
    found = _settlement(settlement, beneficiary.person)
    return found | {"bill": _bill(settlement, claim, beneficiary, scheme, whole)}


def person_mark(person: str) -> str:
    """A short digest of a person's number, by which a year state knows whose it is without naming them."""
    return sha256(person.encode()).hexdigest()[:12] if person else ""


def state_as_json(state: YearState, person: str) -> dict[str, Any]:
    """A year state, as the next input may carry it."""
    return {
        "structure": state.structure, "person": person_mark(person), "year": state.year, "sums": {k: yuan(v) for k, v in sorted(state.sums.items())},
        "stays": dict(sorted(state.stays.items())), "last_on": state.last_on.isoformat() if state.last_on else None,
    }  # fmt: skip


def _settlement(s: Settlement, person: str) -> dict[str, Any]:
    return {
        "claim": s.claim,
        "policy_on": s.policy_on.isoformat(),
        "identity_on": s.identity_on.isoformat(),
        "identities": sorted(s.identities),
        "amounts": {"total": yuan(s.costs.total), **{p: yuan(fen) for p, fen in zip(POTS, s.costs.pots, strict=True)}},
        "payments": [_payment(p) for p in s.payments],
        "paid": yuan(s.paid),
        "held": yuan(s.held),
        "patient": {"total": yuan(s.patient_share), **{p: yuan(fen) for p, fen in zip(POTS, s.patient, strict=True)}},
        "unused": list(s.unused),
        "unmatched": [{"fact": fact, "name": name} for fact, name in s.unmatched],
        "stand_ins": [_note(n) for n in s.notes if n.kind == "stand_in"],
        "readings": [_note(n) for n in s.notes if n.kind == "reading"],
        "year_state": state_as_json(s.year_state, person),
    }


def _payment(p: Payment) -> dict[str, Any]:
    return {
        "layer": p.layer.name, "layer_en": p.layer.en, "kind": p.layer.kind, "code": p.layer.code, "year": p.year,
        "amount": yuan(p.amount), "normal": yuan(p.normal), "tilt": yuan(p.tilt), "penalty": yuan(p.penalty),
        "deductible": yuan(p.deductible), "payers": [{"payer": payer, "amount": yuan(fen)} for payer, fen in p.by_payer],
        "held": p.held, "reviewer": p.reviewer, "advanced_by": p.advanced_by, "given": p.given,
        "base": yuan(p.run.base) if p.run else None, "ratios": [ratio_text(r) for r in ratios_of(p)],
        "steps": [
            {
                "op": step.op, "amount": yuan(step.amount),
                "figures": {k: (ratio_text(n) if k == "ratio" else yuan(n)) for k, n in step.numbers.items()},
                "zh": step.sentence("zh"), "en": step.sentence("en"), "citations": [_citation(c) for c in step.citations],
            }
            for step in p.steps
        ],
        "citations": [_citation(c) for c in p.citations],
    }  # fmt: skip


SHOWN_FACTS = (
    "care",
    "institution",
    "institution_tier",
    "institution_level",
    "place",
    "referral",
    "emergency",
    "diagnoses",
)
"""What of a claim the head of a bill says."""


def _bill(s: Settlement, claim: Claim, beneficiary: Beneficiary, scheme: Scheme, whole: bool) -> dict[str, Any]:
    english = english_names(scheme)
    named = [*s.unused, *(n for p in s.payments for n in (p.layer.name, p.reviewer, p.advanced_by, *dict(p.by_payer)))]
    found: dict[str, Any] = {
        "area": {"code": scheme.area, "name": scheme.name, "name_en": scheme.name_en},
        "digest": s.digest, "admitted_on": claim.admitted_on.isoformat(), "discharged_on": claim.discharged_on.isoformat(),
        "facts": [_shown_fact(code, claim.facts[code], scheme) for code in SHOWN_FACTS if claim.facts.get(code)],
        "identities": [
            {
                "identity": m.identity, **_words("identity", m.identity, scheme), "from": m.from_on.isoformat(),
                "certified_by": m.certified_by, "counts": m.holds_on(s.identity_on),
            }
            for m in beneficiary.identities
            if m.holds_on(s.identity_on) or s.identity_on < m.from_on <= claim.settled_on
        ],
        "days": {"policy": scheme.conventions.policy_date, "identity": scheme.conventions.identity_date},
        "year": s.year_state.year,
        "sums": [
            {
                "sum": y.slot, "name": y.name, "name_en": y.name_en, "before": yuan(y.before), "after": yuan(y.after),
                "ceiling": None if y.ceiling is None else yuan(y.ceiling),
                "starts_at": None if y.starts_at is None else yuan(y.starts_at),
            }
            for y in year_sums(s, scheme)
        ],
        "names": {name: english[name] for name in dict.fromkeys(named) if name in english},
        "ended": [
            {"document": d.name, "document_en": d.title_en, "on": d.ends_on.isoformat()} for d in ended(scheme, s.policy_on) if d.ends_on
        ],
    }  # fmt: skip
    # A payer may be written into the words of a step although it bears nothing of this bill.
    for payment in s.payments:
        for payer in payment.case.payers if payment.case else ():
            if payer in english:
                found["names"][payer] = english[payer]
    if whole:
        found["alternatives"] = [
            {"fact": a.fact, "value": a.value, "patient": yuan(a.patient)}
            for a in alternatives(claim, beneficiary, s, scheme)
        ]
    return found


def _shown_fact(code: str, value: object, scheme: Scheme) -> dict[str, Any]:
    values = sorted(value) if isinstance(value, frozenset) else [str(value)]
    return {"fact": code, "values": [_words(code, v, scheme) for v in values]}


def _words(code: str, value: str, scheme: Scheme) -> dict[str, str]:
    return {
        "name": scheme.word(FACTS[code].word(value, "zh"), "zh"),
        "name_en": scheme.word(FACTS[code].word(value, "en"), "en"),
    }


def ratio_text(ratio: int) -> str:
    """A ratio with four decimals: 0.7000."""
    return f"{ratio // 10_000}.{ratio % 10_000:04d}"


def _citation(c: Citation) -> dict[str, str]:
    return {"document": c.document, "document_en": c.document_en, "article": c.article, "title": c.title}


def _note(n: Note) -> dict[str, Any]:
    return {"reason": n.reason, "citation": _citation(n.citation)}


# --- Schemas ----------------------------------------------------------------------------------------------------------

_YUAN = {"type": "string", "pattern": r"^(0|[1-9][0-9]*)\.[0-9]{2}$", "description": "yuan, two decimals 元，两位小数"}
_SIGNED = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)\.[0-9]{2}$"}
_DAY = {
    "type": "string",
    "format": "date",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "description": "date, 2019-10-01",
}


def _fact_schema(fact: Fact) -> dict[str, Any]:
    described = {"description": f"{fact.zh} {fact.en}"}
    if not fact.values:
        return {"type": "string", **described}
    words: list[Any] = [w for v in fact.values for w in (v.code, v.zh)]
    if {v.code for v in fact.values} == {"yes", "no"}:
        words += [True, False]
    return {"enum": words, **described}


def _object(properties: Mapping[str, Any], required: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _both(facts: Iterable[Fact], schema: Callable[[Fact], dict[str, Any]] = _fact_schema) -> dict[str, Any]:
    return {key: schema(f) for f in facts for key in (f.code, f.zh)}


def input_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the input of `yizhan settle`."""
    pots = {p: _YUAN | {"description": FACTS[p].zh} for p in POTS}
    amounts = _object({"total": _YUAN, **pots}, ("total",))
    period = {"from": _DAY, "to": {"anyOf": [_DAY, {"type": "null"}]}}
    mark = _object(
        {
            "identity": _fact_schema(FACTS["identity"]),
            **period,
            "certified_by": {"enum": [*DEPARTMENTS, *DEPARTMENTS.values(), ""]},
        },
        ("identity", "from"),
    )
    beneficiary = _object({
        "person": {"type": ["string", "integer"]}, "id_number": {"type": "string", "description": "居民身份证号 GB 11643"}, "born_on": _DAY,
        "identities": {"type": "array", "items": mark}, "insured": {"type": "array", "items": _object(period, ("from",))},
        **_both(PERSON_FACTS),
    })  # fmt: skip
    charges = {key: _YUAN for c in CHARGES for key in (c, FACTS[c].zh)}
    line = _object(
        {
            "on": _DAY,
            "name": {"type": "string"},
            "code": {"type": "string"},
            "charge": {"enum": list(charges)},
            "total": _YUAN,
            **pots,
        },
        ("total",),
    )
    claim = _object(
        {
            "claim": {"type": ["string", "integer"]}, "admitted_on": _DAY, "discharged_on": _DAY, "settled_on": _DAY, "amounts": amounts,
            "amounts_by_year": {"type": "object", "patternProperties": {"^[12][0-9]{3}$": amounts}, "additionalProperties": False},
            "charges": _object(charges), "lines": {"type": "array", "items": line},
            "diagnoses": {"type": "array", "items": {"type": "string"}, "description": "病种：名称或 ICD-10 编码"},
            "days": {"type": "integer", "minimum": 0, "maximum": 3660},
            "given": {"type": "object", "additionalProperties": _object({"amount": _YUAN, "deductible": _YUAN}, ("amount",))},
            **_both(CLAIM_FACTS),
        },
        ("discharged_on",), anyOf=[{"required": ["amounts"]}, {"required": ["lines"]}],
        allOf=[{"anyOf": [{"required": ["care"]}, {"required": ["医疗类别"]}]}],
    )  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "yizhan settle: input",
        **_object(
            {
                "area": {"type": "string", "description": "统筹区代码或名称 code or name of the pooling area"}, "beneficiary": beneficiary,
                "year_state": {"anyOf": [_state_schema(), {"type": "null"}]}, "claims": {"type": "array", "minItems": 1, "items": claim},
            },
            ("area", "beneficiary", "claims"),
        ),
    }  # fmt: skip


def _state_schema() -> dict[str, Any]:
    return _object(
        {
            "structure": {"type": "string"}, "person": {"type": "string"}, "year": {"type": "integer"}, "sums": {"type": "object", "additionalProperties": _YUAN},
            "stays": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100000}},
            "last_on": {"anyOf": [_DAY, {"type": "null"}]},
        },
        ("structure", "year", "sums", "stays"),
    )  # fmt: skip


def output_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the output of `yizhan settle --json`."""
    text, flag = {"type": "string"}, {"type": "boolean"}
    citation = _object(dict.fromkeys(("document", "document_en", "article", "title"), text), ("document", "article"))
    note = _object({"reason": text, "citation": citation}, ("reason", "citation"))
    figure = {"type": "string", "description": "yuan, or a ratio with four decimals"}
    step_keys = {
        "op": text, "amount": _SIGNED, "figures": {"type": "object", "additionalProperties": figure}, "zh": text, "en": text,
        "citations": {"type": "array", "items": citation},
    }  # fmt: skip
    payment_keys: dict[str, Any] = {
        "layer": text, "layer_en": text, "kind": text, "code": text, "year": {"type": "integer"}, "amount": _YUAN, "normal": _YUAN,
        "tilt": _SIGNED, "penalty": _YUAN, "deductible": _YUAN,
        "payers": {"type": "array", "items": _object({"payer": text, "amount": _YUAN}, ("payer", "amount"))},
        "held": flag, "reviewer": text, "advanced_by": text, "given": flag,
        "base": {"anyOf": [_YUAN, {"type": "null"}]}, "ratios": {"type": "array", "items": {"type": "string"}},
        "steps": {"type": "array", "items": _object(step_keys, tuple(step_keys))}, "citations": {"type": "array", "items": citation},
    }  # fmt: skip
    pots = {"total": _YUAN, **dict.fromkeys(POTS, _YUAN)}
    settlement = {
        "claim": text, "policy_on": _DAY, "identity_on": _DAY, "identities": {"type": "array", "items": text},
        "amounts": _object(pots, tuple(pots)), "payments": {"type": "array", "items": _object(payment_keys, tuple(payment_keys))},
        "paid": _YUAN, "held": _YUAN, "patient": _object(pots, tuple(pots)), "unused": {"type": "array", "items": text},
        "unmatched": {"type": "array", "items": _object({"fact": text, "name": text}, ("fact", "name"))},
        "stand_ins": {"type": "array", "items": note}, "readings": {"type": "array", "items": note}, "year_state": _state_schema(),
        "bill": _bill_schema(),
    }  # fmt: skip
    area = {"code": text, "name": text, "name_en": text}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "yizhan settle: output",
        **_object(
            {
                "area": _object(area, tuple(area)), "digest": text,
                "settlements": {"type": "array", "items": _object(settlement, tuple(settlement))}, "year_state": _state_schema(),
            },
            ("area", "digest", "settlements", "year_state"),
        ),
    }  # fmt: skip


def _bill_schema() -> dict[str, Any]:
    text = {"type": "string"}
    maybe = {"anyOf": [_YUAN, {"type": "null"}]}
    words = {"name": text, "name_en": text}
    area = {"code": text, **words}
    mark = {"identity": text, **words, "from": _DAY, "certified_by": text, "counts": {"type": "boolean"}}
    sums = {"sum": text, **words, "before": _YUAN, "after": _YUAN, "ceiling": maybe, "starts_at": maybe}
    other = {"fact": text, "value": text, "patient": _YUAN}
    gone = {"document": text, "document_en": text, "on": _DAY}
    fact = {"fact": text, "values": {"type": "array", "items": _object(words, tuple(words))}}
    keys: dict[str, Any] = {
        "area": _object(area, tuple(area)), "digest": text, "admitted_on": _DAY, "discharged_on": _DAY,
        "facts": {"type": "array", "items": _object(fact, tuple(fact))}, "identities": {"type": "array", "items": _object(mark, tuple(mark))},
        "days": _object({"policy": text, "identity": text}, ("policy", "identity")), "year": {"type": "integer"},
        "sums": {"type": "array", "items": _object(sums, tuple(sums))}, "names": {"type": "object", "additionalProperties": text},
        "ended": {"type": "array", "items": _object(gone, tuple(gone))},
    }  # fmt: skip
    told = {
        "type": "array",
        "items": _object(other, tuple(other)),
        "description": "only where they were asked for 只在要求时给出",
    }
    return _object({**keys, "alternatives": told}, tuple(keys))
