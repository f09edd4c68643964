"""The numbers of the national interface that are refused, and why. Whatever is neither here nor served is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from yizhan.agency.desk.words import Words

_NO_CATALOGUE = Words(
    "本平台只管药品、服务项目、耗材三类目录（1301、1302、1305、1306、1312）",
    "the platform keeps the catalogues of drugs, services and supplies only (1301, 1302, 1305, 1306, 1312)",
)
_SAME_CODE = Words(
    "本平台的医保目录编码就是国家编码，没有另外的对应；院内项目的对照用 1317 查询",
    "the code of the insurance's list is the national code here; 1317 tells the institution's own mappings",
)
_OUTSIDE = Words("参保、待遇和结算不用它", "enrolment, benefits and settlement do not use it")
_STOCK = Words(
    "进销存和追溯码报国家药品耗材追溯信息采集平台，结算不用它",
    "stock and tracing codes go to the national tracing platform; settlement does not use them",
)
_RECORDS = Words(
    "病历资料由医院保存，结算和稽核在本平台按费用明细办理",
    "medical records stay with the hospital; bills are settled and checked by their lines here",
)
_CREDENTIAL = Words(
    "电子凭证的解码要接国家平台，本平台没有接通。请用身份证（mdtrt_cert_type 02）",
    "decoding credentials needs the national platform, which is not connected. Use the ID card (mdtrt_cert_type 02)",
)
_PHONE = Words("移动支付和线上结算走国家平台", "mobile payment runs over the national platform")
_PRESCRIPTIONS = Words("电子处方流转走国家处方平台", "prescriptions run over the national prescription platform")
_OWN_EXPENSE = Words("自费病人不结算，不收他们的资料", "who pays alone is not settled, and such data is not collected")
_STAFF = Words(
    "科室和医师不在本平台登记，就诊里写明就行", "departments and doctors are not registered here; a visit names them"
)

_GROUPS: tuple[tuple[str, Words, Words], ...] = (
    ("1161 1162", Words("凭证解码", "decoding of credentials"), _CREDENTIAL),
    ("1303 1304", Words("自制剂、民族药目录", "catalogues of preparations and ethnic drugs"), _NO_CATALOGUE),
    ("1307 1308", Words("诊断、手术目录", "catalogues of diagnoses and operations"), _NO_CATALOGUE),
    ("1309 1310 1311", Words("病种目录", "catalogues of diseases"), _NO_CATALOGUE),
    ("1313 1314 1315", Words("形态学、中医病证目录", "catalogues of morphology and of Chinese medicine"), _NO_CATALOGUE),
    ("1316", Words("医疗目录与医保目录匹配查询", "matching of catalogues"), _SAME_CODE),
    ("1320 1321", Words("配方颗粒、新服务项目目录", "catalogues of granules and of new services"), _NO_CATALOGUE),
    ("1901", Words("字典表查询", "dictionaries"), Words("请使用本省下发的字典", "use the dictionary that the province gives out")),
    ("3401 3401A 3402 3403", Words("科室信息上传、变更、撤销", "departments"), _STAFF),
    ("3501 3502 3503 3504 3505 3506 3507", Words("进销存上传", "stock"), _STOCK),
    ("3501A 3502A 3503A 3504A 3505A 3506A 3507A", Words("进销存上传", "stock"), _STOCK),
    ("3508 3509 3510 3511 3512 3513", Words("进销存查询", "queries of stock"), _STOCK),
    ("4102 4103 4104 4105", Words("结算清单状态、查询、质控", "state and quality of settlement lists"),
     Words("结算清单上传时当场核对，没有别的状态；要改请重新上传（4101）", "a settlement list is checked when it is sent and has no other state; to change it, send it again (4101)")),
    ("4201 4201A 4202 4203 4204 4205 4206 4207 4208 4209", Words("自费病人资料", "data of patients who pay alone"), _OWN_EXPENSE),
    ("4301 4302", Words("门急诊诊疗记录", "records of outpatients"), _RECORDS),
    ("4401 4402", Words("住院病案首页、医嘱", "front page and orders of a stay"), _RECORDS),
    ("4501 4502 4503 4504 4505", Words("检查检验记录", "examinations and laboratory"), _RECORDS),
    ("4601 4602 4701", Words("输血、护理、电子病历", "transfusion, nursing, records"), _RECORDS),
    ("5101 5102", Words("科室、医执人员查询", "departments and staff"), _STAFF),
    ("5401 5402", Words("检查检验结果互认查询", "results of other hospitals"), _RECORDS),
    ("5501 5601", Words("处方、其他查询", "other queries"), _OUTSIDE),
    ("6101 6102 6201 6202 6203 6301 6401", Words("移动支付", "mobile payment"), _PHONE),
    ("7101 7102 7103 7104 7105 7106 7107 7108", Words("电子处方", "electronic prescriptions"), _PRESCRIPTIONS),
)  # fmt: skip


def _each() -> Iterator[tuple[str, tuple[Words, Words]]]:
    for numbers, name, why in _GROUPS:
        for number in numbers.split():
            yield number, (name, why)


NOT_SERVED: Mapping[str, tuple[Words, Words]] = dict(_each())
"""Number → its name, and why it is refused."""
