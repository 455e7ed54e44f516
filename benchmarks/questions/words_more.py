"""More words, for workloads: a stock of their own, and every position as a figure."""

from __future__ import annotations

from random import Random

from benchmarks.questions.families import Family, Filling, true_and_stated
from benchmarks.questions.names import PEOPLE

# fmt: off
_WORDS = (
    "acrobat", "almond", "antenna", "avenue", "balcony", "balloon", "barrel", "beetle", "biscuit", "blossom", "bracelet",
    "bridge", "bubble", "butter", "cactus", "canvas", "carpet", "castle", "ceiling", "cellar", "cherry", "chimney", "circle",
    "coconut", "copper", "cottage", "cotton", "cricket", "crystal", "cucumber", "curtain", "cushion", "diamond", "donkey",
    "dragon", "emerald", "envelope", "eyebrow", "factory", "falcon", "farmer", "firefly", "flamingo", "funnel", "gallery",
    "ginger", "glacier", "goose", "granite", "hamster", "hazelnut", "hedgehog", "honey", "icicle", "indigo", "jasmine",
    "jungle", "keyboard", "kitten", "lagoon", "lavender", "leather", "letter", "lettuce", "lizard", "mammoth", "marble",
    "meerkat", "melon", "monsoon", "muffin", "mushroom", "mustard", "narrow", "nettle", "noodle", "oatmeal", "object", "onion",
    "otter", "oyster", "paddle", "paper", "parsley", "pebble", "pelican", "piano", "pigeon", "pirate", "pocket", "possum",
    "potato", "puddle", "puzzle", "pyramid", "raccoon", "raisin", "reindeer", "river", "rubber", "saffron", "salmon", "scarlet",
    "scooter", "season", "settler", "silver", "sparrow", "squirrel", "station", "summer", "sunset", "teapot", "terrace",
    "thimble", "tomato", "toffee", "tractor", "trumpet", "turtle", "valley", "vanilla", "violin", "wagon", "aquarium",
    "avocado", "melodious", "operation", "education", "radio", "audience", "sequoia", "euphoria", "weasel", "willow", "winter",
    "wizard", "woollen", "yoghurt", "zipper",
)
_MIRRORED = (
    "level", "radar", "civic", "kayak", "rotor", "refer", "madam", "noon", "deed", "stats", "tenet", "solos", "minim", "peep",
    "sagas", "rotator", "reviver", "racecar", "repaper", "deified", "redder", "toot", "sees", "pullup", "rotavator",
)
# fmt: on
_VOWELS = "aeiou"


def _filled(rng: Random, answer: bool, word: str, **slots: object) -> Filling:
    return Filling({"name": rng.choice(PEOPLE), "w": word} | slots, answer, word)


def _position(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    place, stated = true_and_stated(rng, 1, len(word))
    letter = word[place - 1]
    return _filled(rng, stated == place, word, l=letter.upper(), n=stated) if word.count(letter) == 1 else _position(rng)


def _from_end(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    place, stated = true_and_stated(rng, 1, 5)
    letter = word[-place]
    return _filled(rng, stated == place, word, l=letter.upper(), n=stated) if word.count(letter) == 1 else _from_end(rng)


def _count(rng: Random) -> Filling:
    count, stated = true_and_stated(rng, 1, 3)
    word, letter = rng.choice([(word, letter) for word in _WORDS for letter in sorted(set(word)) if word.count(letter) == count])
    return _filled(rng, stated == count, word, l=letter.upper(), n=stated)


def _length(rng: Random) -> Filling:
    length, stated = true_and_stated(rng, 5, 8)
    word = rng.choice([word for word in _WORDS if len(word) == length])
    return _filled(rng, stated == length, word, n=stated)


def _vowels(rng: Random) -> Filling:
    count, stated = true_and_stated(rng, 2, 4)
    word = rng.choice([word for word in _WORDS if "y" not in word and sum(map(word.count, _VOWELS)) == count])
    return _filled(rng, stated == count, word, n=stated)


def _alphabet(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    other = rng.choice([other for other in _WORDS if other != word and abs(ord(other[0]) - ord(word[0])) <= 2])
    before = rng.random() < 0.5
    return _filled(rng, (word < other) is before, word, v=other, side="before" if before else "after")


def _longer(rng: Random) -> Filling:
    word, other = rng.sample(_WORDS, 2)
    gap, longer = len(word) - len(other), rng.random() < 0.5
    if not 1 <= abs(gap) <= 2:
        return _longer(rng)
    return _filled(rng, (gap > 0) is longer, word, v=other, than="longer" if longer else "shorter")


def _both(rng: Random) -> Filling:
    letter, in_both = rng.choice("aeilmnoprst"), rng.random() < 0.5
    pair = [rng.choice([word for word in _WORDS if letter in word])]
    pair.append(rng.choice([word for word in _WORDS if (letter in word) is in_both and word != pair[0]]))
    word, other = rng.sample(pair, 2)
    return _filled(rng, in_both, word, v=other, l=letter.upper())


def _reversal(rng: Random) -> Filling:
    word, right = rng.choice(_WORDS), rng.random() < 0.5
    mirrored = word[::-1] if right else _swapped(rng, word[::-1])
    return _filled(rng, mirrored == word[::-1], word, v=mirrored)


def _swapped(rng: Random, word: str) -> str:
    """The word with two different neighbours exchanged."""
    place = rng.choice([place for place in range(len(word) - 1) if word[place] != word[place + 1]])
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _anagram(rng: Random) -> Filling:
    word, right = rng.choice(_WORDS), rng.random() < 0.5
    letters = list(word)
    if not right:
        place = rng.randrange(len(letters))
        letters[place] = rng.choice([letter for letter in sorted(set(word)) if letter != letters[place]])
    rng.shuffle(letters)
    return _filled(rng, sorted(letters) == sorted(word), word, v="".join(letters))


def _without(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    letter = rng.choice(sorted(set(word)))
    left = word.replace(letter, "")
    shown = left if rng.random() < 0.5 else _swapped(rng, left) if len(set(left)) > 2 else letter + left
    return _filled(rng, shown == left, word, l=letter.upper(), v=shown)


def _repeats(rng: Random) -> Filling:
    word = rng.choice(_WORDS)
    return _filled(rng, len(set(word)) < len(word), word)


def _palindrome(rng: Random) -> Filling:
    word = rng.choice(_MIRRORED)
    shown = word if rng.random() < 0.5 else _swapped(rng, word)
    return _filled(rng, shown == shown[::-1], shown)


FAMILIES = (
    Family(
        "position",
        (
            'Is {l} letter number {n} of "{w}"?',
            'Counting letters from 1, is letter {n} of "{w}" {l}?',
            '{name} spells "{w}". Is the letter spoken as number {n} {l}?',
            'In the word "{w}", does {l} stand at position {n}?',
            'Does square number {n} hold {l} when "{w}" is written in a crossword?',
            'At position {n} of the word "{w}", counted from 1, do you find {l}?',
        ),
        _position,
    ),
    Family(
        "from end",
        (
            'Counting from the end, is {l} letter number {n} of "{w}"?',
            'Is {l} letter {n} of "{w}" when you count backwards from the last letter as 1?',
            'With the last letter as number 1, is letter number {n} of "{w}" {l}?',
            '{name} spells "{w}" backwards. Is the letter spoken as number {n} {l}?',
            'If the word "{w}" is turned round, is {l} its letter number {n}?',
            'Read from right to left, does "{w}" show {l} at position {n}?',
        ),
        _from_end,
    ),
    Family(
        "count",
        (
            'Does the letter {l} occur exactly {n} times in "{w}"?',
            'Is the number of letters {l} in the word "{w}" equal to {n}?',
            'To spell "{w}" with tiles, does {name} need exactly {n} of the tiles marked {l}?',
            'Counting each {l} in "{w}", do you get {n}?',
            'Is {n} how often the word "{w}" uses the letter {l}?',
            'If every {l} in "{w}" is underlined, is the count of lines {n}?',
        ),
        _count,
    ),
    Family(
        "length",
        (
            'Does the word "{w}" have exactly {n} letters?',
            'Is "{w}" {n} letters long?',
            '{name} types "{w}". Are {n} keys pressed, one for each letter?',
            'Would "{w}" fill exactly {n} squares of a crossword?',
            'Counting every letter of "{w}", do you get {n}?',
            'Is {n} the length of the word "{w}"?',
        ),
        _length,
    ),
    Family(
        "vowels",
        (
            'Counting a, e, i, o and u with repeats, does "{w}" have exactly {n} vowels?',
            'Is {n} the number of vowels (a, e, i, o, u) in the word "{w}"?',
            'If {name} strikes out all letters of "{w}" except a, e, i, o and u, are {n} letters left?',
            'Do the letters a, e, i, o and u fill exactly {n} places in "{w}"?',
            'Does the word "{w}" contain exactly {n} letters that are a, e, i, o or u?',
            'Marking each vowel of "{w}" (a, e, i, o, u), is the number of marks {n}?',
        ),
        _vowels,
    ),
    Family(
        "alphabet",
        (
            'Does "{w}" come {side} "{v}" in alphabetical order?',
            'In a dictionary, does "{w}" stand {side} "{v}"?',
            '{name} sorts words from A to Z. Does "{w}" go {side} "{v}"?',
            'Is "{w}" to be filed {side} "{v}" if files are ordered alphabetically?',
            'Would an index from A to Z list the word "{w}" {side} the word "{v}"?',
            'Alphabetically, is the place of "{w}" {side} that of "{v}"?',
        ),
        _alphabet,
    ),
    Family(
        "longer",
        (
            'Is the word "{w}" {than} than the word "{v}"?',
            'Does "{w}" make a {than} word than "{v}"?',
            'Counting letters, is "{w}" {than} than "{v}"?',
            '{name} writes "{w}" and "{v}" in capital letters of one width. Is "{w}" the {than} one?',
            'Compared with "{v}", is "{w}" the {than} word?',
            'In number of letters, is "{w}" {than} than "{v}"?',
        ),
        _longer,
    ),
    Family(
        "both",
        (
            'Do "{w}" and "{v}" both contain the letter {l}?',
            'Is the letter {l} in "{w}" as well as in "{v}"?',
            '{name} compares "{w}" with "{v}". Is {l} a letter of both words?',
            'Can {l} be found in each of the words "{w}" and "{v}"?',
            'Is {l} a letter that "{w}" and "{v}" have in common?',
            'Does spelling "{w}" need the letter {l}, and spelling "{v}" too?',
        ),
        _both,
    ),
    Family(
        "reversal",
        (
            'Is "{w}" spelled backwards "{v}"?',
            'Does reversing the letters of "{w}" give "{v}"?',
            '{name} reads "{w}" from its last letter to its opening letter. Is that "{v}"?',
            'Seen from right to left, does "{w}" become "{v}"?',
            'Is "{v}" what you get by writing the word "{w}" backwards?',
            'If all letters of "{w}" change to the opposite order, is the outcome "{v}"?',
        ),
        _reversal,
    ),
    Family(
        "anagram",
        (
            'Can the letters of "{w}" be rearranged to "{v}"?',
            'Is "{v}" made of exactly the letters of "{w}" in another order?',
            '{name} shuffles the tiles of "{w}". Can they then read "{v}"?',
            'Do "{w}" and "{v}" use the same letters equally often?',
            'Is "{v}" a jumble of all the letters in "{w}", no more and no fewer?',
            'Sorting the letters of "{w}" and of "{v}", do you get the same string twice?',
        ),
        _anagram,
    ),
    Family(
        "without",
        (
            'If every {l} is removed from "{w}", does "{v}" remain?',
            'Deleting each {l} from "{w}", do you get "{v}"?',
            '{name} rubs out all letters {l} in "{w}". Is "{v}" left?',
            'Without any {l}, does "{w}" turn into "{v}"?',
            'Is "{v}" what stays of the word "{w}" once each {l} is gone?',
            'Does "{w}" read "{v}" when its letters {l} are left out?',
        ),
        _without,
    ),
    Family(
        "repeats",
        (
            'Does any letter occur more than once in "{w}"?',
            'Is some letter of the word "{w}" repeated?',
            '{name} has 1 tile for each letter of the alphabet. Are these too few to spell "{w}"?',
            'Does the word "{w}" contain at least 2 equal letters?',
            'Is the number of different letters in "{w}" smaller than its length?',
            'In spelling "{w}", do you use the same letter again at some point?',
        ),
        _repeats,
    ),
    Family(
        "palindrome",
        (
            'Is "{w}" a palindrome?',
            'Does "{w}" read the same forwards and backwards?',
            '{name} turns the letter string "{w}" round. Is it unchanged?',
            'Spelled from right to left, is "{w}" still "{w}"?',
            'Is the string "{w}" its own mirror image, letter by letter?',
            'Do the letters of "{w}" stay the same in reverse order?',
        ),
        _palindrome,
    ),
)
"""All families of a workload."""
