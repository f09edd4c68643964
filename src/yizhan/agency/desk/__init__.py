"""The look and the manners of every page: two languages, layout, tables, forms. Knows no subject."""
