"""Bills that were settled, and what they would come to with what is known now."""
