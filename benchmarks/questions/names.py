"""Names for people, places and things that are in no dictionary."""

from __future__ import annotations

# fmt: off
PEOPLE = (
    "Amara", "Bao", "Chidi", "Dalia", "Emre", "Freya", "Goran", "Hana", "Ines", "Jomo", "Keiko", "Lars", "Mei", "Nadia",
    "Olu", "Priya", "Quang", "Rosa", "Sefa", "Tariq", "Uma", "Viktor", "Wanjiru", "Ximena", "Yusuf", "Zofia", "Aroha",
    "Bilal", "Catalina", "Dmitri", "Eilidh", "Farid", "Giulia", "Hamid", "Ingrid", "Jamal", "Kofi", "Leila", "Marek",
    "Ngozi", "Odile", "Paulo", "Ravi", "Saskia", "Tomasz", "Ulla", "Vikram", "Wei", "Yara", "Zanele", "Aiyana",
    "Bogdan", "Citlali", "Desta", "Elif", "Fatou", "Hiroshi", "Ioana", "Jun", "Katya", "Lupe", "Makana", "Nils",
    "Oksana", "Pilar", "Rangi", "Sione", "Tala", "Umar", "Yuna",
)
"""Given names from many cultures; phrasings never need to know anybody's pronoun."""

TOWNS = (
    "Brankova", "Tellisay", "Oumbri", "Hestmouth", "Dunvale", "Larkstead", "Mirrin", "Pellworth", "Tarnholt", "Vessany",
    "Yolmere", "Zabrik", "Kessary", "Gullhaven", "Ardmoor", "Calvesso", "Nimbara", "Rosmarra", "Ubanda", "Quillport",
    "Shenbao", "Lindqvik", "Jarrowby", "Ikwezi",
)
"""Invented towns."""

CREATURES = (
    "blorp", "zint", "mav", "daxel", "fep", "zog", "tivver", "wug", "glim", "snarp", "plonk", "drell", "quib", "yarf",
    "mork", "nebble", "crog", "lunt", "vimmer", "toggin",
)
"""Invented nouns, about which nobody can know anything; an s makes the plural."""
# fmt: on

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""The week, as people name it."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
"""The year, as people name it."""
