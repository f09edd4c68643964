"""A settlement in the words of the interface: setlinfo and setldetail. Pure; the identities of the interface are checked.

    A  cost       = fully own + over limit + paid first + in scope
    B  funds      = basic + civil servants + enterprise + critical illness + large amounts + servicemen + assistance + other
    C  patient    = personal account + cash
    D  cost       = funds + patient + hospital
    E  Σ rows     = funds + personal account + hospital

A fund without a column of its own goes into “other”. What the hospital bears itself is no fund's money, unless the area's
table says that its systems expect it among the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yizhan.agency.care.booking import HOSPITALS
from yizhan.agency.gateway.envelope import yuan
from yizhan.engine.money import half_up, parse_yuan
from yizhan.errors import EngineFault

FUNDS = (
    "hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay",
)  # fmt: skip
POTS = {
    "fulamt_ownpay_amt": "own", "overlmt_selfpay": "over_limit", "preselfpay_amt": "first_pay", "inscp_scp_amt": "in_scope",
}  # fmt: skip
"""Column → pot of the bill."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of setlinfo in fen, by column, and the rows of setldetail."""

    fen: Mapping[str, int]
    rows: tuple[Mapping[str, Any], ...]
    ratio: int

    def info(self, *, sign: int = 1) -> dict[str, Any]:
        """The columns of setlinfo, in yuan."""
        return {name: yuan(sign * fen) for name, fen in self.fen.items()} | {"pool_prop_selfpay": self.ratio / 10_000}

    def detail(self, *, sign: int = 1) -> list[dict[str, Any]]:
        """The rows of setldetail, in yuan."""
        return [
            {
                "fund_pay_type": row["code"],
                "inscp_scp_amt": yuan(sign * row["scope"]),
                "crt_payb_lmt_amt": None,
                "fund_payamt": yuan(sign * row["fen"]),
                "fund_pay_type_name": row["name"],
                "setl_proc_info": json.dumps(row["layers"], ensure_ascii=False, separators=(",", ":")),
            }
            for row in self.rows
        ]


def amounts_of(result: Mapping[str, Any], *, field_of: Callable[[str], str], name_of: Callable[[str], str]) -> Amounts:
    """The amounts of a result (docs/settle.md). `field_of` and `name_of` know the fund codes of the area. Raises EngineFault."""
    said = result["amounts"]
    fen = {"medfee_sumamt": parse_yuan(said["total"])}
    fen |= {column: parse_yuan(said[pot]) for column, pot in POTS.items()}
    fen |= dict.fromkeys((*FUNDS, "hosp_part_amt"), 0)
    fen["act_pay_dedc"] = 0
    rows: dict[str, dict[str, Any]] = {}
    ratio = 0
    for payment in result["payments"]:
        if field_of(payment["code"]) == "hifp_pay":
            fen["act_pay_dedc"] += parse_yuan(payment["deductible"])
            ratio = _ratio(payment) or ratio
        for payer in payment["payers"]:
            paid = parse_yuan(payer["amount"])
            if not paid:
                continue
            code = _code(payment, payer["payer"])
            fen[field_of(code) or "oth_pay"] += paid
            row = rows.setdefault(code, {"code": code, "name": name_of(code), "fen": 0, "scope": 0, "layers": []})
            row["name"] = row["name"] or payer["payer"]
            row["fen"] += paid
            row["scope"] = max(row["scope"], parse_yuan(payment["base"]) if payment["base"] else 0)
            row["layers"].append({"layer": payment["layer"], "year": payment["year"], "amount": payer["amount"]})
    fen["fund_pay_sumamt"] = sum(fen[column] for column in FUNDS)
    fen["psn_part_amt"] = parse_yuan(result["patient"]["total"])
    fen |= {"acct_pay": 0, "psn_cash_pay": fen["psn_part_amt"], "balc": 0, "acct_mulaid_pay": 0}
    found = Amounts(fen, tuple(rows.values()), ratio)
    check(found)
    return found


OTHER, BORNE = "999997", "999996"
"""The code of a fund that has none, and of what a hospital bears in a layer of others."""

WAIVER = "医院减免"
"""The kind of layer in which a hospital pays, as the policies declare it: its code is the layer's own."""


def _code(payment: Mapping[str, Any], payer: str) -> str:
    if payer in HOSPITALS and payment["kind"] != WAIVER:
        return BORNE
    return payment["code"] or OTHER


def _ratio(payment: Mapping[str, Any]) -> int:
    """The share that the basic fund bears, in 1/10,000: the one that acted, else that of the whole."""
    if len(payment["ratios"]) == 1:
        return parse_ratio(payment["ratios"][0])
    base = (parse_yuan(payment["base"]) if payment["base"] else 0) - parse_yuan(payment["deductible"])
    return half_up(parse_yuan(payment["amount"]) * 10_000, base) if base > 0 else 0


def parse_ratio(text: str) -> int:
    """A ratio with four decimals, in 1/10,000."""
    whole, _, decimals = text.partition(".")
    return int(whole) * 10_000 + int(f"{decimals:0<4}"[:4])


def check(found: Amounts) -> None:
    """Raises EngineFault where an identity of the interface does not hold."""
    fen = found.fen
    rows = sum(row["fen"] for row in found.rows)
    identities = {
        "A": fen["medfee_sumamt"] == sum(fen[column] for column in POTS),
        "B": fen["fund_pay_sumamt"] == sum(fen[column] for column in FUNDS),
        "C": fen["psn_part_amt"] == fen["acct_pay"] + fen["psn_cash_pay"],
        "D": fen["medfee_sumamt"] == fen["fund_pay_sumamt"] + fen["psn_part_amt"] + fen["hosp_part_amt"],
        "E": rows == fen["fund_pay_sumamt"] + fen["acct_pay"] + fen["hosp_part_amt"],
    }
    if broken := [name for name, holds in identities.items() if not holds]:
        raise EngineFault(what=f"interface identity {', '.join(broken)}")
