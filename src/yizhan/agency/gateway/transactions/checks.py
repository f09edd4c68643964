"""3101, 3102, 3103: lines checked by rules of supervision. There are none yet: nothing is found, and the answer says so."""

from __future__ import annotations

from typing import Any

from yizhan.agency.gateway.errors import FieldMissing
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.staff.rights import Right

NONE = "本平台还没有审核规则，没有做任何审核；没有疑点不等于审核通过"


@transaction("3101", "明细审核事前分析服务", "check before", Right.VISIT_SEE)
def before(call: Call) -> Any:
    """Nothing is checked, nothing found."""
    return _checked(call)


@transaction("3102", "明细审核事中分析服务", "check meanwhile", Right.VISIT_SEE)
def meanwhile(call: Call) -> Any:
    """Nothing is checked, nothing found."""
    return _checked(call)


def _checked(call: Call) -> Any:
    with call.reading() as root:
        node = root.node("data")
        if not node.nodes("patient_dtos"):
            node.problems.append(FieldMissing(field="data.patient_dtos"))
    call.warnings.append(NONE)
    return {"result": []}


@transaction("3103", "明细审核反馈", "answer to a check", Right.VISIT_SEE)
def answered(call: Call) -> Any:
    """What the hospital says to a finding. As nothing was found, nothing is kept of it but the message."""
    call.warnings.append(NONE)
    return None
