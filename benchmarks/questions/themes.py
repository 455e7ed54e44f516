"""What the small tables are about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """What larger and smaller figures are called."""

    more: str
    most: str
    less: str
    least: str


HIGH = Sizes("higher", "highest", "lower", "lowest")
GREAT = Sizes("greater", "greatest", "smaller", "smallest")


@dataclass(frozen=True)
class Column:
    """A column of numbers: its heading, the same as a phrase ("number of beds"), and the range of its figures."""

    heading: str
    noun: str
    low: int
    high: int
    step: int = 1
    sizes: Sizes = HIGH


@dataclass(frozen=True)
class Theme:
    """A subject for tables: heading, singular and plural of the rows, their names, the columns and the first sentences.

    `{who}` and `{town}` in an opening stand for a person and a town.
    """

    heading: str
    noun: str
    plural: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    openings: tuple[str, ...]


THEMES = (
    Theme(
        "Product",
        "product",
        "products",
        ("Fennel", "Okra", "Plantain", "Radish", "Lychee", "Kale", "Tamarind", "Leek", "Papaya", "Sorrel"),
        (
            Column("Price (coins)", "price", 3, 40),
            Column("Stock", "stock", 5, 90, 5, sizes=GREAT),
            Column("Weight (grams)", "weight", 50, 900, 50, sizes=GREAT),
        ),
        (
            "{who} keeps a vegetable stall in {town} and writes up the goods on a board each morning.",
            "The board at the covered market of {town} was filled in by {who} before the first customers came.",
            "Before opening the stall, {who} noted what lay on it. Nothing else is sold there.",
        ),
    ),
    Theme(
        "Trail",
        "trail",
        "trails",
        ("Heron", "Granite", "Willow", "Shepherd", "Lookout", "Fern", "Quarry", "Otter", "Beacon"),
        (
            Column("Length (km)", "length", 2, 24, sizes=GREAT),
            Column("Climb (m)", "climb", 40, 900, 20, sizes=GREAT),
            Column("Benches", "number of benches", 1, 15),
        ),
        (
            "Walkers who set out from {town} can choose among the marked trails below, all of them circular.",
            "A sign at the station of {town} lists every marked trail that starts there.",
            "{who}, the ranger of {town}, measured all local trails again in spring and published the results.",
        ),
    ),
    Theme(
        "Room",
        "room",
        "rooms",
        ("Amber", "Cedar", "Indigo", "Jade", "Maple", "Opal", "Saffron", "Teal"),
        (Column("Beds", "number of beds", 1, 12), Column("Rate (coins)", "rate", 20, 120, 4), Column("Windows", "number of windows", 1, 9)),
        (
            "The hostel that {who} runs near {town} has few rooms, and each bears the name of a colour or a stone or a tree.",
            "Guests of the hostel in {town} are handed this list of all its rooms when they arrive.",
            "{who} has taken over a hostel in {town} and describes the rooms to the bank as follows.",
        ),
    ),
    Theme(
        "Branch",
        "branch",
        "branches",
        ("Harbour", "Hillside", "Mill", "Central", "Orchard", "Canal", "Northgate"),
        (
            Column("Books", "number of books", 1000, 9000, 250),
            Column("Seats", "number of seats", 10, 95, 5),
            Column("Staff", "number of staff", 2, 19),
        ),
        (
            "The public library of {town} has several branches, and its yearly report describes each of them in a single line.",
            "{who}, who heads the library of {town}, sent the council these figures on all branches.",
            "A new guide to the library branches of {town} gives a few figures for every one of them.",
        ),
    ),
    Theme(
        "Runner",
        "runner",
        "runners",
        ("Abena", "Caspian", "Delwyn", "Estela", "Fumiko", "Gaspar", "Hedda", "Iskander", "Jelena"),
        (
            Column("Races", "number of races", 4, 30),
            Column("Points", "number of points", 20, 300, 5),
            Column("Medals", "number of medals", 1, 13),
        ),
        (
            "The running club of {town} ended its season with this list of everybody who had taken part.",
            "At the closing dinner {who} read out what the runners of {town} had done that season.",
            "{who} trains the runners of {town} and pinned their season to the door of the clubhouse.",
        ),
    ),
    Theme(
        "Boat",
        "boat",
        "boats",
        ("Petrel", "Curlew", "Gannet", "Sandpiper", "Pelican", "Avocet", "Tern"),
        (
            Column("Seats", "number of seats", 20, 240, 10),
            Column("Crew", "number of crew members", 2, 16),
            Column("Cars", "number of cars", 3, 40),
        ),
        (
            "The harbour office of {town} owns the boats below; the columns say what each can carry.",
            "From the harbour of {town} the islands are served by these boats and by no others.",
            "{who} is harbour master in {town} and has to tell the ministry about the fleet every year.",
        ),
    ),
    Theme(
        "Plant",
        "plant",
        "plants",
        ("Yarrow", "Lupin", "Borage", "Cosmos", "Zinnia", "Teasel", "Clary", "Mallow"),
        (
            Column("Height (cm)", "height", 20, 190, 10, sizes=GREAT),
            Column("Price (coins)", "price", 2, 30),
            Column("Seeds", "number of seeds", 15, 200, 5),
        ),
        (
            "The seed catalogue of a nursery in {town} gives one packet to a line, with the height of the grown plant.",
            "{who} sells seeds by post from {town}; this season the catalogue is short.",
            "For the school garden in {town}, {who} compared the packets on offer in the village shop.",
        ),
    ),
    Theme(
        "Baker",
        "baker",
        "bakers",
        ("Anwar", "Birgit", "Chiara", "Dawit", "Esi", "Florin", "Gulnara", "Hoang"),
        (
            Column("Loaves", "number of loaves", 20, 180, 5),
            Column("Rolls", "number of rolls", 40, 400, 20),
            Column("Cakes", "number of cakes", 2, 25),
        ),
        (
            "Before the spring fair in {town} every baker of the cooperative reported what had come out of the ovens.",
            "The bakery owned by {who} in {town} counts each evening what every baker has made that day.",
            "{who} wrote down the output of each baker in {town} on the last working day of the month.",
        ),
    ),
    Theme(
        "Village",
        "village",
        "villages",
        ("Aldmoor", "Brisk", "Corriel", "Dhunval", "Elsing", "Fortuna", "Grenmor", "Hazra"),
        (
            Column("Houses", "number of houses", 30, 600, 10),
            Column("Wells", "number of wells", 2, 21),
            Column("Bridges", "number of bridges", 1, 12),
        ),
        (
            "An old survey of the valley above {town} counts houses and other works in each of its villages.",
            "The clerk {who} visited every village of the {town} district in one summer and counted what stood there.",
            "In the archive of {town} there is a page with these numbers for all villages in the district.",
        ),
    ),
    Theme(
        "Film",
        "film",
        "films",
        ("Saltwind", "Paperboat", "Nocturne", "Longitude", "Marigold", "Undertow", "Ashgrove"),
        (
            Column("Minutes", "number of minutes", 70, 190, 5),
            Column("Tickets", "number of tickets", 40, 600, 20),
            Column("Reels", "number of reels", 3, 14),
        ),
        (
            "The film club of {town} showed each of these films once, and the treasurer kept the following account.",
            "{who}, who runs the projector in {town}, made a list of all films shown at the festival.",
            "After the short festival in {town} the organisers published a few figures on every film.",
        ),
    ),
)
"""All subjects."""
