"""The platform's own API for departments, reporting and other systems of a bureau（数据接口）: a key of an officer, what it may ask.

A key may what its officer may at that moment, and of that only what was chosen when it was made. An operation asks the
same queries and actions as a page does; nothing is decided here.
"""
