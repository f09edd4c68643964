"""What the laboratory's pages refuse."""

from __future__ import annotations

from yizhan.errors import InputProblem


class StudyFixed(InputProblem):
    code = "study_fixed"
    zh = "这项测算已经提交运行，不能再改。请用“改后再算”另建一项。"
    en = "this study has been run and stays as it is. Use “change and run again”, which makes a new one."


class NoRulesThen(InputProblem):
    code = "study_without_rules"
    zh = "{area}的政策只管 {first} 至 {last}，管不到 {year} 年全年。请改第一年或几年。"
    en = "the rules of {area} hold from {first} to {last}, not for the whole of {year}. Change the first year, or how many."


class NotYourStudy(InputProblem):
    code = "study_of_another"
    zh = "这项测算是 {name} 建的，只有本人可以改、运行和公开。可以用“改后再算”另建一项自己的。"
    en = "{name} made this study, and nobody else changes, runs or shares it. “Change and run again” makes one of your own."


class NothingYet(InputProblem):
    code = "study_without_result"
    zh = "这项测算还没有结果（{state_zh}）。"
    en = "this study has no result yet ({state_en})."


class FigureUnclear(InputProblem):
    code = "study_figure"
    zh = "{document} {article} 的“{old}”不能改成“{new}”：请写成同一种数，如 {old}。"
    en = "“{old}” of {document} {article} cannot become “{new}”: write a figure of the same kind, such as {old}."


class FigureGone(InputProblem):
    code = "study_figure_gone"
    zh = "{document} {article} 的“{old}”已经不在政策文件的原处，文件改过了。请撤掉这一处改动，重新填写。"
    en = "“{old}” of {document} {article} no longer stands where it stood: the document was edited. Take this change back and give it anew."


class NoLaboratory(InputProblem):
    code = "laboratory_missing"
    zh = (
        "这台服务器没有装测算用的组件（numba、numpy、pyarrow）。请系统管理员安装附加项 batch（见 docs/laboratory.md）。"
    )
    en = "this server lacks what the laboratory computes with (numba, numpy, pyarrow). Ask the system administrator to install the extra `batch` (docs/laboratory.md)."


class NoBillsThere(InputProblem):
    code = "no_bills_there"
    zh = "{area} 在 {year} 年没有有效的结算，没有写文件。请核对统筹区代码和年份。"
    en = "{area} has no standing settlement of {year}; no file was written. Check the code of the pooling area and the year."
