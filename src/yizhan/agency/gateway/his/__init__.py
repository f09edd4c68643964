"""A hospital's system, played: for trying an address, a network or a key before a real system is connected.

It speaks to the platform as a hospital does, over HTTP alone, and opens no database. What it knows of persons and items
it is told by its caller; what it believes of its bills is only what it was answered.

    wire.py       sends bytes, signs them, and loses answers, repeats and delays messages as it is told
    system.py     the hospital: asks until it is answered, and keeps its own books
    days.py       what happens on an inpatient day and an outpatient day
    evening.py    reconciliation: both sides' bills, and what to do about each that one side lacks
    commands.py   `./yizhan his`
"""
