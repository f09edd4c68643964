"""What the laboratory refuses."""

from __future__ import annotations

from yizhan.errors import InputProblem


class UnknownProfile(InputProblem):
    code = "unknown_profile"
    zh = "没有叫“{given}”的人口画像。现有：{known}；自己的画像请给 .toml 文件的路径。"
    en = "there is no population profile called “{given}”. Known are: {known}; give the path of a .toml file for your own."


class WrongProfile(InputProblem):
    code = "wrong_profile"
    zh = "人口画像 {file} 有错：{why}。每个数字要写来源（source）或注明是拟的（stand_in），份额合计要是 1。"
    en = "the population profile {file} is wrong: {why}. Each figure needs a source or a stand_in note, and shares must add up to 1."
