"""The laboratory: made-up populations, what rules cost and whom they help, before they are adopted."""
