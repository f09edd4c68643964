"""The one door for tables from and to people: what they send is read here, and what they get is written here.

table = read_table(path, "名单.xlsx")        → Table(columns, rows), or Problems
write_xlsx(target, [Sheet(name, columns, rows)])
write_csv(target, columns, rows)
template_xlsx(target, columns)
"""

from yizhan.agency.spreadsheets.reading import LIMITS, Limits, Rows, Table, read_table
from yizhan.agency.spreadsheets.writing import XLSX, Column, Sheet, TemplateColumn, template_xlsx, write_csv, write_xlsx

__all__ = [
    "LIMITS",
    "XLSX",
    "Column",
    "Limits",
    "Rows",
    "Sheet",
    "Table",
    "TemplateColumn",
    "read_table",
    "template_xlsx",
    "write_csv",
    "write_xlsx",
]
