"""Words as strings of letters: edges, positions, counts, order, vowels, mirror images and spelling."""

from __future__ import annotations

from random import Random

from benchmarks.questions.families import Family, Filling, nearby

# fmt: off
_WORDS = (
    "lantern", "pepper", "window", "garden", "bottle", "mirror", "candle", "basket", "pillow", "ladder", "rocket",
    "planet", "forest", "meadow", "harbour", "kitchen", "blanket", "feather", "hammer", "needle", "orange", "parrot",
    "quarter", "ribbon", "saddle", "temple", "umbrella", "velvet", "walnut", "yellow", "zebra", "anchor", "banana",
    "camera", "desert", "engine", "flower", "guitar", "helmet", "island", "jacket", "kettle", "lemon", "magnet",
    "napkin", "octopus", "pencil", "quilt", "rabbit", "shadow", "thunder", "uncle", "village", "whistle", "cabbage",
    "dolphin", "elephant", "fountain", "giraffe", "hospital", "iceberg", "journey", "kangaroo", "library", "mountain",
    "notebook", "ostrich", "pumpkin", "rainbow", "spinach", "tornado", "volcano", "waterfall", "apricot", "bamboo",
    "cinnamon", "dragonfly", "evening", "festival", "grammar", "horizon", "insect", "juniper", "lobster", "mosquito",
    "nutmeg", "orchard", "peacock", "sandwich", "tunnel", "vinegar",
)
_PALINDROMES = (
    "level", "radar", "civic", "kayak", "rotor", "refer", "madam", "noon", "deed", "stats", "tenet", "solos", "minim",
    "peep", "sagas",
)
_NEARLY = (
    "lever", "radio", "civil", "canoe", "motor", "defer", "modem", "moon", "dead", "start", "tents", "colon", "minus",
    "pipe", "salsa",
)
_REVERSIBLE = (
    "drawer", "stop", "lamp", "star", "pans", "stressed", "parts", "keep", "loop", "snap", "tool", "wolf", "diaper",
    "spoons", "straw", "laced", "animal", "ten",
)
# fmt: on
_SPELLINGS = {
    "separate": "seperate",
    "necessary": "neccesary",
    "definitely": "definately",
    "receive": "recieve",
    "believe": "beleive",
    "calendar": "calender",
    "beginning": "begining",
    "accommodate": "accomodate",
    "embarrass": "embarass",
    "occurred": "occured",
    "tomorrow": "tommorow",
    "weird": "wierd",
    "government": "goverment",
    "environment": "enviroment",
    "library": "libary",
    "knowledge": "knowlege",
    "surprise": "suprise",
    "address": "adress",
    "business": "buisness",
    "disappear": "dissapear",
    "immediately": "immediatly",
    "restaurant": "restaraunt",
    "successful": "succesful",
    "until": "untill",
}
_VOWELS = "aeiou"
_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def _edge(rng: Random) -> Filling:
    word, at_start = rng.choice(_WORDS), rng.random() < 0.5
    letter = word[0 if at_start else -1]
    stated = letter if rng.random() < 0.5 else rng.choice(word)
    slots = {"w": word, "l": stated.upper(), "verb": "begin" if at_start else "end", "place": "first" if at_start else "last"}
    return Filling(slots, stated == letter, word)


def _contains(rng: Random) -> Filling:
    word, letter = rng.choice(_WORDS), rng.choice("abcdeghiklmnoprstuw")
    return Filling({"w": word, "l": letter.upper()}, letter in word, word)


def _length(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    stated = nearby(rng, len(word), (1, 2))
    return Filling({"w": word, "n": stated}, stated == len(word), word)


def _position(rng: Random) -> Filling:
    word, place = rng.choice(_WORDS), rng.randint(1, 4)
    stated = word[place] if rng.random() < 0.5 else rng.choice(word)
    return Filling({"w": word, "l": stated.upper(), "nth": _ORDINALS[place]}, word[place] == stated, word)


def _occurrences(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    letter = rng.choice(word)
    return Filling({"w": word, "l": letter.upper()}, word.count(letter) == 2, word)


def _alphabet(rng: Random) -> Filling:
    first = rng.choice(_WORDS)
    # Words that share their first letter need a look at the second one.
    alike = [word for word in _WORDS if word != first and word[0] == first[0]]
    second = rng.choice(alike if alike and rng.random() < 0.6 else [word for word in _WORDS if word != first])
    before = rng.random() < 0.5
    slots = {"a": first, "b": second, "side": "before" if before else "after", "rank": "earlier" if before else "later"}
    return Filling(slots, (first < second) is before, first)


def _vowels(rng: Random) -> Filling:
    word = rng.choice([word for word in _WORDS if "y" not in word])
    count = sum(word.count(vowel) for vowel in _VOWELS)
    stated = nearby(rng, count, (1, 2))
    if stated < 2:
        stated = count + 1
    return Filling({"w": word, "n": stated}, stated == count, word)


def _palindrome(rng: Random) -> Filling:
    word = rng.choice(_PALINDROMES + _NEARLY)
    return Filling({"w": word}, word == word[::-1], word)


def _reversal(rng: Random) -> Filling:
    word = rng.choice(_REVERSIBLE)
    mirrored = word[::-1]
    if rng.random() < 0.5:
        swap = rng.randint(0, len(word) - 2)
        mirrored = mirrored[:swap] + mirrored[swap + 1] + mirrored[swap] + mirrored[swap + 2 :]
    return Filling({"w": word, "v": mirrored}, mirrored == word[::-1], word)


def _spelling(rng: Random) -> Filling:
    right = rng.choice(tuple(_SPELLINGS))
    shown = right if rng.random() < 0.5 else _SPELLINGS[right]
    return Filling({"w": shown}, shown == right, right)


FAMILIES = (
    Family(
        "edge",
        (
            'Does the word "{w}" {verb} with the letter {l}?',
            'Is {l} the {place} letter of the word "{w}"?',
            'When "{w}" is spelled out, is the {place} letter {l}?',
            'Reading "{w}", is the letter you meet {place} {l}?',
            'Does "{w}" have {l} as its {place} letter?',
        ),
        _edge,
    ),
    Family(
        "contains",
        (
            'Does the word "{w}" contain the letter {l}?',
            'Is the letter {l} used anywhere in the word "{w}"?',
            'Do you need the letter {l} to spell "{w}"?',
            'Can the letter {l} be found in "{w}"?',
            'Among the letters of "{w}", is there at least one {l}?',
        ),
        _contains,
    ),
    Family(
        "length",
        (
            'Is the word "{w}" exactly {n} letters long?',
            'Does the word "{w}" have exactly {n} letters?',
            'Counting every letter, is "{w}" a word of {n} letters?',
            'Do you write exactly {n} letters to spell "{w}"?',
            'Would "{w}" fill exactly {n} squares of a crossword?',
        ),
        _length,
    ),
    Family(
        "position",
        (
            'Is {l} the {nth} letter of "{w}"?',
            'In the word "{w}", does {l} stand in {nth} place?',
            'Spelling "{w}" aloud, do you say {l} as the {nth} letter?',
            'Is the {nth} letter in the word "{w}" {l}?',
            'Does the {nth} square of "{w}" in a crossword hold {l}?',
        ),
        _position,
    ),
    Family(
        "occurrences",
        (
            'Does the letter {l} occur exactly twice in "{w}"?',
            'Is {l} written exactly twice in the word "{w}"?',
            'Are there exactly two letters {l} in the word "{w}"?',
            'To spell "{w}" with tiles, do you need exactly two tiles marked {l}?',
            'Reading through "{w}", do you meet the letter {l} exactly twice?',
        ),
        _occurrences,
    ),
    Family(
        "alphabet",
        (
            'Does "{a}" come {side} "{b}" in alphabetical order?',
            'In a dictionary, is "{a}" listed {side} "{b}"?',
            'If a list is sorted from A to Z, does "{a}" stand {rank} than "{b}"?',
            'Sorted alphabetically, would the word "{a}" be placed {side} the word "{b}"?',
            'Would an index running from A to Z name "{a}" {side} "{b}"?',
        ),
        _alphabet,
    ),
    Family(
        "vowels",
        (
            'Does "{w}" contain exactly {n} vowels, counting only a, e, i, o and u?',
            'Counting repeats of a, e, i, o and u, has "{w}" exactly {n} vowels?',
            'Are exactly {n} of the letters in the word "{w}" vowels?',
            'If all consonants are struck out of "{w}", do exactly {n} letters remain?',
            'Is the number of vowel letters in "{w}", repeats included, equal to {n}?',
        ),
        _vowels,
    ),
    Family(
        "palindrome",
        (
            'Is the word "{w}" a palindrome?',
            'Does "{w}" read the same forwards and backwards?',
            'If the letters of "{w}" are reversed, is the word unchanged?',
            'Spelled from right to left, is "{w}" still the same word?',
            'Would a palindrome collector be right to include "{w}"?',
        ),
        _palindrome,
    ),
    Family(
        "reversal",
        (
            'Is "{v}" what you get by writing "{w}" backwards?',
            'Does "{w}" spelled backwards give "{v}"?',
            'Reading "{w}" from its last letter to its first, do you get "{v}"?',
            'If the order of the letters in "{w}" is reversed, is the result "{v}"?',
            'Do "{w}" and "{v}" list the same letters in exactly opposite order?',
        ),
        _reversal,
    ),
    Family(
        "spelling",
        (
            'Is "{w}" the correct spelling of the English word?',
            'Is the English word "{w}" spelled correctly here?',
            'Would a careful proofreader accept the spelling "{w}" in an English text?',
            'Does the spelling "{w}" agree with a standard English dictionary?',
            'In a spelling test, would "{w}" be marked as right?',
        ),
        _spelling,
    ),
)
"""All families of the kind."""
