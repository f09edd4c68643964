"""Where the demonstration plays and who works there: two counties of one city, one county of another province.

Areas and officers are real in form and invented in person; whoever signs in uses PASSWORD.
"""

from __future__ import annotations

from datetime import date

from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.years import year_at, years_at
from yizhan.agency.gateway.actions import grant
from yizhan.agency.staff.actions import create_area, create_institution, create_officer, set_password
from yizhan.agency.staff.models import NATION, Area, Institution, Officer
from yizhan.agency.staff.rights import Role
from yizhan.agency.staff.scope import System

STAGE = System("demonstration")
"""Who lays the scene: what an operator does on the command line before there is anybody who could."""

PASSWORD = "paper-lantern-47"
"""Everybody's. Known to all who read this, so that these accounts are refused outside the demonstration."""

# code, name, English name, level, code of the area above
AREAS = (
    ("430000", "湖南省", "Hunan", "province", "000000"),
    ("150000", "内蒙古自治区", "Inner Mongolia", "province", "000000"),
    ("430300", "湘潭市", "Xiangtan", "city", "430000"),
    ("150400", "赤峰市", "Chifeng", "city", "150000"),
    ("430302", "雨湖区", "Yuhu", "county", "430300"),
    ("430321", "湘潭县", "Xiangtan County", "county", "430300"),
    ("150404", "松山区", "Songshan", "county", "150400"),
    ("430302100", "姜畲镇", "Jiangshe", "township", "430302"),
    ("430302101", "鹤岭镇", "Heling", "township", "430302"),
    ("430302001", "雨湖路街道", "Yuhu Road", "township", "430302"),
    ("430321100", "易俗河镇", "Yisuhe", "township", "430321"),
    ("430321101", "花石镇", "Huashi", "township", "430321"),
    ("150404100", "老府镇", "Laofu", "township", "150404"),
    ("150404101", "初头朗镇", "Chutoulang", "township", "150404"),
)

# code, name, level, tier, code of the area
INSTITUTIONS = (
    ("H43000001", "湖南省演示医院", "level_3", "provincial", "430000"),
    ("H43030001", "湘潭市演示医院", "level_3", "municipal", "430300"),
    ("H43030201", "雨湖区演示医院", "level_2", "county", "430302"),
    ("H43030202", "姜畲镇演示卫生院", "level_1", "township", "430302"),
    ("H43030203", "鹤岭镇演示卫生院", "level_1", "township", "430302"),
    ("H43032101", "湘潭县演示医院", "level_2", "county", "430321"),
    ("H43032102", "易俗河镇演示卫生院", "level_1", "township", "430321"),
    ("H15040001", "赤峰市演示医院", "level_3", "municipal", "150400"),
    ("H15040401", "松山区演示医院", "level_2", "county", "150404"),
    ("H15040402", "老府镇演示卫生院", "ungraded", "township", "150404"),
)

COUNTIES = {"yuhu": "430302", "xiangtan-county": "430321", "songshan": "150404"}

# post, role, department
_POSTS = (
    ("officer", Role.COUNTY, "healthcare_security"),
    ("reviewer", Role.REVIEWER, "healthcare_security"),
    ("finance", Role.FINANCE, "healthcare_security"),
    ("supervisor", Role.SUPERVISOR, "healthcare_security"),
    ("auditor", Role.AUDITOR, "healthcare_security"),
    ("civil", Role.LIAISON, "civil_affairs"),
    ("rural", Role.LIAISON, "rural_revitalisation"),
    ("disabled", Role.LIAISON, "disabled_federation"),
    ("tax", Role.LIAISON, "tax"),
    ("window", Role.WINDOW, "other"),
    ("hospital", Role.HOSPITAL, "other"),
)
_ABOVE = (
    ("xiangtan.city", Role.CITY, "430300"),
    ("chifeng.city", Role.CITY, "150400"),
    ("hunan.province", Role.PROVINCE, "430000"),
    ("inner-mongolia.province", Role.PROVINCE, "150000"),
    ("xiangtan.policy", Role.POLICY, "430300"),
    ("chifeng.policy", Role.POLICY, "150400"),
    ("xiangtan.reviewer", Role.REVIEWER, "430300"),
    ("chifeng.reviewer", Role.REVIEWER, "150400"),
)
_ADMINISTRATORS = (
    ("system", Role.SYSTEM_ADMIN),
    ("security", Role.SECURITY_ADMIN),
    ("audit", Role.AUDIT_ADMIN),
)
_NAMES = [
    "谭若溪",
    "柳一鸣",
    "聂怀远",
    "傅雅琴",
    "齐思源",
    "贺春生",
    "简文舟",
    "楚晓岚",
    "阮志明",
    "祝丽华",
    "邬长青",
    "沐清和",
    "巫禾",
    "尹望舒",
    "毕知秋",
    "乐安然",
    "向晚晴",
    "阳小满",
    "巴图朝鲁",
    "乌兰其其格",
    "那日苏",
    "娜仁托娅",
    "苏布德",
    "阿拉坦",
    "萨仁高娃",
    "呼斯楞",
    "额尔登",
    "其木格",
    "宝力道",
    "单于归",
    "解忆南",
    "查北辰",
    "仇海棠",
    "盖云生",
    "缪长歌",
    "晏如初",
    "滑清源",
    "尉迟远",
    "赫连青",
    "公羊舒",
    "濮阳禾",
    "夏侯安",
    "钟离夏",
    "司徒远",
    "宇文川",
]

SHOWN = (
    ("yuhu.officer", Words("先从这里看：名单、参保、资助", "start here: rosters, enrolment, subsidies")),
    ("yuhu.reviewer", Words("复核名单和合并", "reviews rosters and merges")),
    ("yuhu.finance", Words("核定资助和退费", "approves subsidies and refunds")),
    ("yuhu.civil", Words("民政：上传名单", "civil affairs: uploads rosters")),
    ("yuhu.rural", Words("乡村振兴：上传名单", "rural revitalisation: uploads rosters")),
    ("yuhu.disabled", Words("残联：上传名单", "disabled persons' federation: uploads rosters")),
    ("yuhu.tax", Words("税务", "tax office")),
    ("yuhu.supervisor", Words("监管", "supervision")),
    ("yuhu.auditor", Words("审计，只读", "audit, read only")),
    ("yuhu.window", Words("医院窗口：录入、结算、打印", "hospital window: enters, settles, prints")),
    ("songshan.window", Words("另一套政策的医院窗口（2020年）", "a window under other policies (2020)")),
    ("yuhu.hospital", Words("医院管理员", "hospital manager")),
    ("yuhu.township", Words("乡镇卫生院窗口：提出转诊", "township window: asks for referrals")),
    (
        "xiangtan.window",
        Words("市医院窗口：急诊、核验救助证", "window of the city's hospital: emergencies, certificates"),
    ),
    ("songshan.officer", Words("另一统筹区（赤峰），政策不同", "another pooling area (Chifeng) with other policies")),
    ("xiangtan-county.officer", Words("同市另一县，看不到雨湖区", "another county of the city: does not see Yuhu")),
    ("xiangtan.city", Words("市级：看得到两县", "city: sees both counties")),
    ("xiangtan.reviewer", Words("市级复核：启用目录", "reviewer of the city: catalogues")),
    ("hunan.province", Words("省级", "province")),
    ("xiangtan.policy", Words("政策管理", "policies")),
    ("system", Words("系统管理员：区划、机构", "system administrator: areas, institutions")),
    ("security", Words("安全管理员：用户", "security administrator: officers")),
    ("audit", Words("审计管理员：审计日志", "audit administrator: audit trail")),
)
"""Who is worth signing in as; every post exists in the other counties too."""


def make_areas() -> None:
    """The nation, by the operator; what lies in it, by the system administrator."""
    areas = {area.code: area for area in Area.objects.all()}
    nation = NATION.rstrip(".")
    if nation not in areas:
        areas[nation] = create_area(
            nation, name="全国", name_en="the nation", level="nation", parent=None, acting_user=STAGE
        )
    for code, name, name_en, level, above in AREAS:
        areas[code] = create_area(code, name=name, name_en=name_en, level=level, parent=areas[above], acting_user=STAGE)
    for code, name, level, tier, where in INSTITUTIONS:
        create_institution(code, name=name, level=level, tier=tier, area=areas[where], acting_user=STAGE)


def make_officers() -> None:
    """Every role, in every county what a county has.

    One password, so one hash: argon2 takes a fifth of a second for each, on purpose.
    """
    areas = {area.code: area for area in Area.objects.all()}
    hospitals = {row.area.code: row for row in Institution.objects.select_related("area").filter(code__endswith="01")}
    names = iter(_NAMES)
    for username, role in _ADMINISTRATORS:
        _make(username, next(names), role, areas[NATION.rstrip(".")])
    for place, code in COUNTIES.items():
        for post, role, department in _POSTS:
            hospital = hospitals[code] if role in (Role.WINDOW, Role.HOSPITAL) else None
            _make(f"{place}.{post}", next(names), role, areas[code], department, hospital)
    for username, role, code in _ABOVE:
        _make(username, next(names), role, areas[code])
    first = officer(_ADMINISTRATORS[0][0])
    set_password(first, PASSWORD, acting_user=STAGE)
    Officer.objects.filter(demo=True).update(password=first.password, password_set_at=first.password_set_at)


def _make(
    username: str,
    name: str,
    role: Role,
    area: Area,
    department: str = "healthcare_security",
    institution: Institution | None = None,
) -> None:
    create_officer(
        username, name=name, roles=[role], area=area, department=department, institution=institution, demo=True,
        acting_user=STAGE,
    )  # fmt: skip


def officer(username: str) -> Officer:
    """One of the demonstration's officers."""
    return Officer.objects.select_related("area", "institution").get(username=username)


def latest_year(county: str) -> int:
    """The latest enrolment year with figures that is not in the future; else the first there is."""
    years = years_at(officer(f"{county}.officer").area_path)
    return next((year for year in years if year <= timezone.localdate().year), years[-1])


def period_to(county: str) -> date:
    """The last day of that year's collection period."""
    return year_at(officer(f"{county}.officer").area_path, latest_year(county)).financing.period_to


def let_in() -> None:
    """Two hospitals' systems may call: one without a signature from this machine, which is what `./yizhan his` plays."""
    for code, profile in (("H43030201", "none"), ("H43032101", "csb")):
        grant(Institution.objects.get(code=code), profile=profile, acting_user=STAGE)
