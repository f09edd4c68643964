"""Pages of filings: the list, one filing, making one, terms, relief certificates."""
