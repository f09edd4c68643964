"""The one bill (一单): its data, made from a stored settlement, and how a terminal and paper show it."""
