"""Plans of documents: which relations about which entities follow one another, in no language.

A plan is a list of lines; a line names a relation (a list of patterns) and the values of its slots. The same plan,
said in two languages, gives parallel text; the values give entities and answers.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from encodery.demo.facts import members, table
from encodery.demo.slots import Value, one


@dataclass(frozen=True)
class Line:
    """One sentence to be said: `topic`/`relation` find its patterns, `values` fill their slots."""

    topic: str
    relation: str
    values: dict[str, Value]


Plan = list[Line]


def country(split: str, rng: random.Random) -> Plan:
    """The portrait of a country."""
    key = rng.choice(members("countries", split))
    row = table("countries")[key]
    values = {
        "country": one("country", key),
        "capital": one("city", row["capital"]),
        "continent": one("continent", row["continent"]),
        "population": one("people", str(int(row["population"]) * 1_000_000)),
        "currency": one("currency", row["currency"]),
        "languages": Value("language", tuple(row["languages"].split())),
    }
    relations = ["capital", "people", "tongue", "currency"]
    known = [other for other in row["neighbours"].split() if other in table("countries")]
    if len(known) > 1:
        values["neighbours"] = Value("country", tuple(rng.sample(known, min(len(known), 3))))
        relations.append("neighbours")
    relations += ["life"] * rng.randint(1, 4)
    return _lines("country", ["intro", *_shuffled(relations, rng)], values)


def city(split: str, rng: random.Random) -> Plan:
    """A guide to a city; sometimes it is compared with another one at the end."""
    first, second = rng.sample(members("cities", split), 2)
    row = table("cities")[first]
    values = {
        "city": one("city", first),
        "country": one("country", row["country"]),
        "population": one("people", row["population"]),
    }
    relations = ["people"] + ["sights"] * rng.randint(2, 4) + ["transport"] * rng.randint(0, 2)
    if row["river"]:
        values["river"] = one("river", row["river"])
        relations += ["water"] * rng.randint(1, 2)
    plan = _lines("city", ["intro", *_shuffled(relations, rng)], values)
    return plan + (_comparison(first, second, rng) if rng.random() < 0.4 else [])


def compare(split: str, rng: random.Random) -> Plan:
    """Two cities side by side."""
    first, second = rng.sample(members("cities", split), 2)
    plan: Plan = []
    for key in (first, second):
        row = table("cities")[key]
        values = {
            "city": one("city", key),
            "country": one("country", row["country"]),
            "population": one("people", row["population"]),
        }
        plan += _lines("city", ["intro", "people", rng.choice(("sights", "transport"))], values)
    return plan + _comparison(first, second, rng)


def _comparison(first: str, second: str, rng: random.Random) -> Plan:
    """One or two sentences that say which city is larger; none when they are as large as each other."""
    small, large = sorted((first, second), key=lambda key: int(table("cities")[key]["population"]))
    if table("cities")[small]["population"] == table("cities")[large]["population"]:
        return []
    values = {"city": one("city", large), "other": one("city", small)}
    return _lines("city", ["compare"] * rng.randint(1, 2), values)


def river(split: str, rng: random.Random) -> Plan:
    """The course of a river."""
    key = rng.choice(members("rivers", split))
    row = table("rivers")[key]
    values = {"river": one("river", key), "length": one("number", row["length"])}
    relations = []
    if row["source"]:
        values["source"] = one("country", row["source"])
        relations.append("source")
    values["countries"] = Value("country", tuple(row["countries"].split()))
    relations += ["countries"] + ["life"] * rng.randint(1, 3)
    if row["mouth"]:
        values["mouth"] = one("sea", row["mouth"])
        relations.append("mouth")
    return _lines("river", ["intro", *relations], values)


def animal(split: str, rng: random.Random) -> Plan:
    """The portrait of an animal."""
    key = rng.choice(members("animals", split))
    row = table("animals")[key]
    values = {
        "animal": one("animal", key),
        "habitat": one("habitat", row["habitat"]),
        "diet": one("diet", row["diet"]),
        "weight": one("number", row["weight"]),
        "years": one("number", row["years"]),
    }
    relations = ["diet", "size", "age"] + ["life"] * rng.randint(1, 3)
    if row["continent"]:
        values["continent"] = one("continent", row["continent"])
        relations.append("place")
    return _lines("animal", ["intro", *_shuffled(relations, rng)], values)


def dish(split: str, rng: random.Random) -> Plan:
    """A dish, what goes into it and how it is cooked."""
    key = rng.choice(members("dishes", split))
    row = table("dishes")[key]
    values = {
        "dish": one("dish", key),
        "country": one("country", row["country"]),
        "ingredients": Value("ingredient", tuple(row["ingredients"].split())),
        "minutes": one("number", row["minutes"]),
    }
    relations = ["intro", "ingredients"] + ["steps"] * rng.randint(2, 4) + ["time"] + ["serve"] * rng.randint(1, 2)
    return _lines("dish", relations, values)


def invented_person(split: str, rng: random.Random) -> dict[str, Value]:
    """Slots of a person nobody has met: full name, first name and trade agree in gender."""
    rows = [table("names")[key] for key in members("names", split)]
    gender = rng.choice("mf")
    first = rng.choice(rows)["female" if gender == "f" else "male"]
    return {
        "person": one("name", f"{first} {rng.choice(rows)['surname']}", gender),
        "first": one("name", first, gender),
        "trade": one("trade", rng.choice(tuple(table("trades"))), gender),
    }


def person(split: str, rng: random.Random) -> Plan:
    """The life of an invented person, sometimes with a working day in the middle."""
    cities = members("cities", split)
    values = invented_person(split, rng) | {
        "city": one("city", rng.choice(cities)),
        "birthplace": one("city", rng.choice(cities)),
        "year": one("year", str(rng.randint(1948, 1984))),
        "employer": one("brand", rng.choice(members("brands", split))),
    }
    plan = _lines("person", ["intro", "birth"] + ["school"] * rng.randint(1, 2) + ["employer"], values)
    if rng.random() < 0.5:
        plan += _lines("work", [values["trade"].ids[0]] * rng.randint(2, 4), values)
    return plan + _lines("person", ["free"] * rng.randint(1, 2) + ["future"], values)


def work(split: str, rng: random.Random) -> Plan:
    """A day in a trade: its sentences come in the order of the day."""
    values = invented_person(split, rng) | {"city": one("city", rng.choice(members("cities", split)))}
    return _lines("person", ["intro"], values) + _lines("work", [values["trade"].ids[0]] * 4, values)


def product_values(split: str, rng: random.Random) -> dict[str, Value]:
    """Slots of a product: what it is and who makes it. Brands, and so products, belong to one split."""
    return {
        "product": one("product", rng.choice(tuple(table("products")))),
        "brand": one("brand", rng.choice(members("brands", split))),
    }


def product(split: str, rng: random.Random) -> Plan:
    """What a shop says about a product."""
    values = product_values(split, rng) | {
        "city": one("city", rng.choice(members("cities", split))),
        "price": one("number", str(rng.randint(49, 899))),
        "weight": one("number", str(rng.randint(12, 390) * 10)),
        "page": one("number", str(rng.randint(3, 180))),
    }
    relations = ["place", "price"] + ["details"] * rng.randint(2, 4)
    return _lines("product", ["intro", *_shuffled(relations, rng)], values)


def letter(split: str, rng: random.Random) -> Plan:
    """A letter home."""
    rows = [table("names")[key] for key in members("names", split)]
    here, onward = rng.sample(members("cities", split), 2)
    values = invented_person(split, rng) | {
        "friend": one("name", rng.choice(rows)["female"]),
        "writer": one("name", rng.choice(rows)["male"]),
        "city": one("city", here),
        "next": one("city", onward),
        "dish": one("dish", rng.choice(members("dishes", split))),
    }
    relations = _shuffled(["meal", "meeting", "weather"], rng) + ["plans"] * rng.randint(1, 2)
    return _lines("letter", ["opening", "arrival", *relations, "closing"], values)


# Kinds of documents, how often each is told, and the topic it stands for in the topic classification set.
KINDS: dict[str, tuple[Callable[[str, random.Random], Plan], int, str]] = {
    "country": (country, 4, "geography"),
    "city": (city, 4, "geography"),
    "compare": (compare, 1, "geography"),
    "river": (river, 3, "nature"),
    "animal": (animal, 4, "nature"),
    "dish": (dish, 3, "food"),
    "person": (person, 5, "people"),
    "work": (work, 2, "people"),
    "product": (product, 3, "products"),
    "letter": (letter, 2, "people"),
}


def _lines(topic: str, relations: list[str], values: dict[str, Value]) -> Plan:
    return [Line(topic, relation, values) for relation in relations]


def _shuffled(items: list[str], rng: random.Random) -> list[str]:
    return rng.sample(items, len(items))
