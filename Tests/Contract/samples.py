"""The speech samples of Tests/Audio, and how well they were heard."""
import pathlib

AUDIO = pathlib.Path(__file__).parents[1] / "Audio"
# Characters of the samples that traditional writing has differently.
TRADITIONAL = set("請問麼樣學習遊議給買蘋麵媽歡嗎")


def sample(name):
    return (AUDIO / name).read_bytes()


def text_of(name):
    rows = (line.split("\t") for line in (AUDIO / "texts.tsv").read_text().splitlines())
    return next(text for id, _, text in rows if id == name)


def letters(text):
    return [character for character in text.lower() if character.isalnum()]


def error_rate(heard, said):
    """Characters that differ (Levenshtein) per character that was said; punctuation aside."""
    heard, said = letters(heard), letters(said)
    row = list(range(len(said) + 1))
    for place, letter in enumerate(heard):
        diagonal, row[0] = row[0], place + 1
        for column, other in enumerate(said):
            changed = diagonal + (letter != other)
            diagonal = row[column + 1]
            row[column + 1] = min(changed, row[column] + 1, diagonal + 1)
    return row[-1] / len(said)
