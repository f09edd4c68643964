"""What the acts of the audit trail are called, for those who read it. One table for all apps; a test holds it complete.

A refused page stands in the trail under the name of its right instead (`staff.rights`).
"""

from __future__ import annotations

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.rights import Right

_TABLE = """
    access.grant               开通医院接口              let a hospital system in
    access.rotate              更换接口密钥              change the key of a hospital's system
    access.stop                停用医院接口              shut a hospital's system out
    access.terms               修改接口限额和核对        change bounds and checks of a hospital's system
    access.token               签发接口令牌              give a token to a hospital system
    agreement.resumed          恢复定点协议              resume an agreement
    agreement.sign             签订定点协议              enter an agreement
    agreement.suspended        中止定点协议              suspend an agreement
    agreement.terminated       解除定点协议              terminate an agreement
    agreement.withdraw         作废定点协议              withdraw an agreement
    application.approve        批准救助申请              approve an application for assistance
    application.withdraw       撤销救助申请批准          withdraw the approval of an application
    area.create                新增区划                 add an area
    area.import                导入区划                 import areas
    arrears.notice             开催缴单                 print a reminder of arrears
    audit.head                 取走审计链头              take the head of the audit trail
    catalogue.apply            启用目录版本              put a catalogue into force
    catalogue.compare          重新比较目录              compare a catalogue again
    catalogue.drop             作废目录版本              drop a catalogue version
    catalogue.import           导入目录版本              import a catalogue version
    catalogue.read             目录已读取                catalogue read
    catalogue.withdraw         撤回目录版本              withdraw a catalogue version
    ceiling.grant              放宽当日上限              raise a ceiling for the day
    cover.record               登记补充保险              note supplementary insurance
    cover.take_list            导入补充保险名单          take in a list of supplementary insurance
    cover.withdraw             撤销补充保险              withdraw supplementary insurance
    default.decide             复核恶意拖欠              decide a finding of wilful default
    default.propose            提请认定恶意拖欠          propose a finding of wilful default
    default.withdraw           撤销恶意拖欠认定          withdraw a finding of wilful default
    designation.add            确定机构定点资格           designate an institution
    designation.end            终止机构定点资格           end a designation
    difference.decide          处理对账差异              settle a difference with the tax office
    double.decide              处理重复参保              resolve a double enrolment
    double.look                查找重复参保              look for double enrolment
    dues.bank                  生成银行代发文件          make a file for the bank
    dues.export                导出回补款               export back-payments
    duty.adopt                 采用报送安排              adopt reporting duties
    duty.set                   设定报送安排              set a reporting duty
    enrolment.end              终止参保                 end an enrolment
    enrolment.enrol            参保登记                 enrol
    enrolment.enrol_rows       批量参保登记              enrol in bulk
    enrolment.extend_period    延长集中缴费期            extend the collection period
    enrolment.note_employees   登记职工参保名单          note employees insured elsewhere
    enrolment.population       登记应参保人数            note the population to be insured
    enrolment.take_file        接收参保文件              take in a file of enrolments
    filing.check_certificate   核验救助证               check a relief certificate
    filing.complete            补正备案                 complete a filing
    filing.decide              备案决定                 decide a filing
    filing.end                 终止备案                 end a filing
    filing.evidence            补交证明                 hand in evidence
    filing.issue_certificate   发放救助证               issue a relief certificate
    filing.make                提出备案                 make a filing
    filing.opine               出具转诊意见              give an opinion on a referral
    filing.print_certificate   再打印救助证              print a relief certificate again
    filing.revoke              撤销备案                 revoke a filing
    filing.see                 查看备案                 open a filing
    filing.see_evidence        查看备案证明              look at evidence
    filing.set_term            设定备案期限              set a term of filings
    filing.withdraw            撤回备案                 withdraw a filing
    clearing.apply             申请清算                 apply for clearing
    clearing.withdraw          撤回清算申请              withdraw an application for clearing
    settlement_list.keep       上传结算清单              send a settlement list
    message.refuse             拒绝接口报文              refuse a message of a hospital's system
    message.replay             试演接口报文              replay a message of a hospital's system
    message.see                查看接口报文              look at a message of a hospital's system
    message.void               冲正未知报文              void a message that never came
    gap.assign                 分派缺口                 assign a gap
    gap.close                  办结缺口                 close a gap
    household.add_member       家庭增员                 add a member to a household
    household.create           建立家庭                 make a household
    household.remove_member    家庭减员                 remove a member from a household
    institution.create         新增机构                 add an institution
    institution.import         导入机构                 import institutions
    institution.set_kind       更改机构类别              change an institution's kind
    mapping.approve            通过目录对照              approve mappings
    mapping.end                终止目录对照              end a mapping
    mapping.propose            上报目录对照              propose mappings
    mapping.reject             退回目录对照              reject mappings
    mapping.withdraw           撤回目录对照              take back mappings
    key.end                    停用接口密钥              end a key of the API
    key.make                   建立接口密钥              make a key of the API
    key.refuse                 接口拒绝                 refused over the API
    key.rows                   接口取数                 rows taken over the API
    ledger.open_books          开设基金账                open the books of funds
    ledger.export              导出基金账                export the books
    mark.add                   标识身份                 mark an identity
    mark.add_in_bulk           按名单标识身份            mark identities from a roster
    mark.end                   终止身份                 end a mark
    mark.end_in_bulk           按名单终止身份            end marks from a roster
    mark.withdraw              撤销身份                 withdraw a mark
    mark.withdraw_roster       撤回名单的身份            withdraw the marks of a roster
    movement.approve           复核通过拨款支付          approve a movement of money
    movement.propose           提出拨款支付              propose a movement of money
    movement.reject            退回拨款支付              reject a movement of money
    officer.change_password    修改密码                 change the password
    officer.change_roles       变更岗位                 change roles
    officer.create             新增用户                 add an officer
    officer.drop_factor        解除动态验证码            remove a second factor
    officer.enrol_factor       绑定动态验证码            set up the second factor
    officer.reset              凭重置码设密码            set a password by a one-time code
    officer.reset_code         开一次性重置码            make a one-time code
    officer.resume             恢复用户                 resume an officer
    officer.set_password       命令行设密码              set a password on the command line
    officer.suspend            停用用户                 suspend an officer
    paper.approve              核定手工报销              approve a paper bill
    paper.attach               上传票据附件              attach a file to a paper bill
    paper.change               修改手工报销              change a paper bill
    paper.enter                录入手工报销              enter a paper bill
    paper.open_file            打开票据附件              open an attachment of a paper bill
    paper.reject               不予手工报销              refuse a paper bill
    paper.return               退回手工报销              send a paper bill back
    paper.send                 手工报销送复核            send a paper bill for review
    patient.pay                收退病人款项              take or return a patient's money
    person.account             更新银行账号              change a bank account
    person.correct             更正人员                 correct a person
    person.death               登记死亡                 record a death
    person.export              导出人员                 export persons
    person.look_up             核对身份                 check a person
    person.merge_decide        复核合并                 decide a merge
    person.merge_propose       提出合并                 propose a merge
    person.merge_undo          撤销合并                 undo a merge
    person.move                迁移人员                 move a person
    person.print_held          打印所存信息              print what is held
    person.register            登记人员                 register a person
    person.register_in_bulk    批量登记人员              register persons in bulk
    person.see                 打开人员页面              open a person's page
    person.unmask              查看完整号码              see a full number
    receipts.count             清点税务回执              count receipts
    refund.propose             提请退费                 propose a refund
    resettlement.approve       核定重新结算              approve a re-settlement
    resettlement.export        导出重新结算              export a re-settlement
    resettlement.propose       提出重新结算              propose a re-settlement
    resettlement.reject        退回重新结算              send a re-settlement back
    resettlement.withdraw      撤回重新结算              withdraw a re-settlement
    roster.applied             名单已应用                roster applied
    roster.approve             复核通过名单              approve a roster
    roster.columns             确认名单列                confirm a roster's columns
    roster.compare_again       重新比对                 compare again
    roster.compared            比对完成                 comparison done
    roster.decide              处理名单差异              decide rows of a roster
    roster.drop                作废名单                 drop a roster
    roster.gone_back           名单退回待处理            roster went back
    roster.name_person         指认人员                 name the person of a row
    roster.return              退回名单                 return a roster
    roster.returned_rows       下载退回行                download the returned rows
    roster.send_to_review      送复核                   send for review
    roster.upload              上传名单                 upload a roster
    roster.withdraw            撤回名单                 withdraw a roster
    roster.withdrawn           名单已撤回                roster withdrawn
    run.cancel                 取消任务                 cancel a run
    run.done                   任务完成                 run done
    run.download               下载任务文件              download a run's file
    run.start                  发起任务                 start a run
    session.end                结束会话                 end a session
    settlement.corrected       更正结算                 correct a settlement
    settlement.export_touched  导出受影响结算            export touched settlements
    settlement.print           打印结算单               print bills
    settlement.see             打开结算单               open a bill
    settlement.settle          结算                     settle
    sign_in                    登录                     sign in
    sign_in.confirm            再次确认身份              prove who one is
    sign_in.factor             动态验证码                second factor
    sign_in.locked             登录锁定                 sign-in locked
    sign_out                   退出                     sign out
    laboratory.export          导出脱敏的人和账单         write people and bills without names
    study.again                改后再算                 change a study and run it again
    study.amend                更改测算                 change a draft of a study
    study.change_figures       改动政策数字              change figures of a draft
    study.create               新建测算                 make a study
    study.export               取走测算结果              take out the result of a study
    study.remove               删除测算草稿              delete a draft of a study
    study.run                  运行测算                 run a study
    study.share                公开测算                 show a study to the area
    subsidy.compute            测算资助                 compute subsidies
    subsidy.propose            提请资助                 propose subsidies
    tax_list.hand_over         移交税务清单              hand a list to the tax office
    tax_list.make              生成税务清单              make a list for the tax office
    visit.add_lines            录入费用                 enter bill lines
    visit.cancel               取消就诊                 cancel a visit
    visit.change               更改就诊                 change a visit
    visit.change_line          更改费用                 change a bill line
    visit.clear_lines          清空费用                 remove all bill lines
    visit.cut                  中途结算                 settle mid-stay
    visit.refund_lines         退费                     refund bill lines
    visit.register             登记就诊                 register a visit
    visit.see                  打开就诊                 open a visit
"""


def _read(table: str) -> dict[str, Words]:
    rows = (line.split(None, 2) for line in table.strip().splitlines())
    return {code: Words(zh, en) for code, zh, en in rows}


ACTS = _read(_TABLE)


def said_of(act: str) -> Words:
    """What an act is called; a refused page by its right, an act of another origin by its code."""
    if act in ACTS:
        return ACTS[act]
    return Right(act).words if act in set(Right) else Words(act, act)


def words_of(act: str) -> str:
    """The same in the language of the request."""
    return str(said_of(act))
