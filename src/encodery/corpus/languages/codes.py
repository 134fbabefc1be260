"""Codes of languages as recipes have them: two letters (ISO 639-1) where there are such, else three (ISO 639-3).

Models and data sets write the same language as `en`, `eng`, `eng_Latn` or `__label__eng`; folders and `languages =
[...]` need one name for it.
"""

import re
from functools import cache

_TWO_LETTERS = """
    aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az bak:ba bam:bm bel:be
    ben:bn bis:bi bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch che:ce chu:cu chv:cv cor:kw cos:co cre:cr
    cym:cy dan:da deu:de div:dv dzo:dz ell:el eng:en epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi
    fra:fr fry:fy ful:ff gla:gd gle:ga glg:gl glv:gv grn:gn guj:gu hat:ht hau:ha hbs:sh heb:he her:hz hin:hi
    hmo:ho hrv:hr hun:hu hye:hy ibo:ig ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv
    jpn:ja kal:kl kan:kn kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj
    kur:ku lao:lo lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr mkd:mk mlg:mg
    mlt:mt mon:mn mri:mi msa:ms mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:nb nor:no
    nya:ny oci:oc oji:oj ori:or orm:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps que:qu roh:rm ron:ro run:rn
    rus:ru sag:sg san:sa sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq srd:sc
    srp:sr ssw:ss sun:su swa:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn
    tso:ts tuk:tk tur:tr twi:tw uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi
    yor:yo zha:za zho:zh zul:zu
"""
"""ISO 639-3 to 639-1."""

_BIBLIOGRAPHIC = """
    alb:sq arm:hy baq:eu bur:my chi:zh cze:cs dut:nl fre:fr geo:ka ger:de gre:el ice:is mac:mk mao:mi may:ms
    per:fa rum:ro slo:sk tib:bo wel:cy
"""
"""The older codes of ISO 639-2 that libraries use."""

_WITHIN = """
    als:sq arb:ar azj:az cmn:zh ekk:et fil:tl gaz:om gug:gn hbo:he khk:mn kmr:ku lvs:lv nob:no npi:ne ory:or pbt:ps
    pbu:ps pes:fa plt:mg quy:qu quz:qu swh:sw uzn:uz ydd:yi zsm:ms
"""
"""Standard forms of a language that ISO 639-3 has a code of its own for, where models, Wikipedia and XLM-R's list use
the code of the whole."""

_RETIRED = "in:id iw:he ji:yi jw:jv mo:ro nb:no scc:sr scr:hr"


_WELL_FORMED = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
"""A language by two or three letters, then script, region, variants."""


def is_language_code(value: str) -> bool:
    """Whether a value has the form of a language's code (BCP 47, also with `_`): no name, no sentence, no path."""
    return _WELL_FORMED.fullmatch(value.strip()) is not None


def language_code(code: str) -> str:
    """The code that recipes use; script and region are left off (`zh-Hant`, `eng_Latn`, `pt_BR`).

    What is no code of ISO 639 is returned as it is, in small letters.
    """
    language = code.strip().lower().replace("-", "_").partition("_")[0]
    return _codes().get(language, language)


@cache
def _codes() -> dict[str, str]:
    tables = " ".join((_TWO_LETTERS, _BIBLIOGRAPHIC, _RETIRED, _WITHIN))
    known = dict(entry.split(":") for entry in tables.split())
    return {code: known.get(name, name) for code, name in known.items()}
