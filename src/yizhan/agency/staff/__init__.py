"""Who works here, where, with which rights; and the record of what they did."""
