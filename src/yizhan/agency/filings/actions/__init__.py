"""What is done about filings: the filing itself, its evidence, the terms of an area, and relief certificates on paper."""
