"""The national interface for designated institutions: a hospital's own system settles here unchanged（医院接口）.

    POST bytes → envelope → profiles (who calls) → door (once, and only once) → transactions (what is asked) → answer

It translates and decides nothing: every transaction calls the actions and queries that the window calls, as a
`staff.scope.Machine` of the institution, so that the same refusals, guards and audit trail hold. The abbreviations of the
national interface (`psn_no`, `hifp_pay`) live in this app alone. docs/gateway.md says what is served and how.
"""
