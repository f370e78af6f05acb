"""Contexts in which the name of a contact stands, in German, French, Spanish, Italian and Dutch."""

import re

from jobgen.text.characters import LOWER, UPPER
from jobgen.text.redaction.name_contexts import SPACE, WORD, Contact

# `Erika`, `Müller-Lüdenscheidt`, `D'Angelo`, `SALLES`; in capitals too, as French forms want it.
_WORD = (
    rf"(?:{WORD}|[{UPPER}]\.[ ]?-?[{UPPER}]\.(?!\w)"
    rf"|[{UPPER}]{{2,20}}(?:['’-][{UPPER}]{{2,20}})?(?![\w@-]|['’.]\w))"
)
_PARTICLE = (
    r"(?:van der|van den|van de|van|von der|von|vom|zu|zur|ter|ten|de la|de los|de|del|della|di|da|"
    r"do|dos|du|des|le|y|el|al|ben)"
)
_DEGREES = r"(?:(?:Dr|Prof|Dipl|Ing|med|drs|ir|mr|dr)\.(?:-\w{2,8}\.?)?[ ]){0,3}"
_NAME = rf"{_WORD}(?:{SPACE}(?:{_PARTICLE}[ ])?{_WORD}){{0,2}}"
_FULL_NAME = rf"{_WORD}(?:{SPACE}(?:{_PARTICLE}[ ])?{_WORD}){{1,2}}"
# Forms of address that stand before nothing but a name.
_HONORIFIC = (
    r"(?:Frau|Herrn?|Mme|Madame|Monsieur|Mlle|Signora?|Sig\.ra|Sig\.na|Sig\.|Dott\.ssa|Dott\.|"
    r"Dr\.ssa|Señora?|Srta\.|Sra\.|Dña\.|[Dd]e heer|"
    r"[Mm]evrouw|[Mm]evr\.|[Mm]w\.|[Dd]hr\.|[Mm]eneer)"
)
# Forms that mean something else elsewhere: `M. Sc.`, `Sr. Developer`, `Ing. Informatik`.
_AFTER_CUE = (
    rf"(?:{_HONORIFIC}|M\.|MM\.|Sr\.|Mr\.?|Mrs\.?|Ms\.?|Dr\.|Don|Doña|D\.|Ing\.|Avv\.|Prof\.)"
)
_TITLED = rf"{_AFTER_CUE}[ ]{_DEGREES}{_NAME}"
_PERSON = rf"(?P<name>{_TITLED}|{_DEGREES}{_FULL_NAME})"
_SOME_WORDS = r"(?:[ ][\w'’(),/&-]{1,25}){0,6}?"

_LABELS = (
    # German
    r"Ansprechpartner(?:in|innen|[*:_/-]{1,2}in(?:nen)?|\(in\))?|Ansprechperson|Kontaktperson|"
    r"Kontakt|Kontaktdaten|Personalreferent(?:in)?|Recruiterin|"
    # French, Spanish, Italian, Dutch
    r"Contact|Votre contact|Interlocut(?:eur|rice)|Personne à contacter|Responsable (?:du )?"
    r"recrutement|Contacto|Persona de contacto|Referente(?:[ ][a-zà-ÿ]{2,15}){0,3}|Contatt[io]|"
    r"Contactpersoon"
)
_WRITTEN = (
    r"bewerbung(?:en|sunterlagen)?|unterlagen|rückfragen|fragen|lebenslauf|candidature|cv|"
    r"curriculum(?: vitae)?|lettre(?: de motivation)?|candidatura|sollicitatie|brief"
)
CONTACTS_ABROAD = (
    # Frau Erika Mustermann, wherever she is named
    Contact(
        (
            "frau ",
            "herr",
            "mme ",
            "madame ",
            "monsieur ",
            "mlle ",
            "m. ",
            "sig.",
            "signor",
            "dott.",
            "dr.ssa",
            "señor",
            "srta.",
            "sra.",
            "dña.",
            "de heer",
            "mevr",
            "mw.",
            "dhr.",
            "meneer",
        ),
        re.compile(
            rf"(?<![\w/])(?P<name>{_HONORIFIC}[ ]{_DEGREES}{_NAME}"
            # `M. Alain MARTIN`, not `M. Sc. Informatik`
            rf"|M\.[ ]{_WORD}(?:[ ]{_WORD})?[ ][{UPPER}]{{2,20}}(?![\w@-])"
            r"|(?:(?m:^)|(?<=[–:,(-] )|(?<= de )|(?<= à )|(?<= et )|(?<= par )|(?<= avec ))"
            r"M\.[ ](?!(?:Sc|Tech|Ed|Phil|Pharm|Eng|Com|Arch|Ing|Des|Stat|Mus|Div)\b)"
            rf"[{UPPER}][{UPPER}{LOWER}-]{{2,20}}[ ]{_WORD}(?:[ ]{_WORD})?)"
        ),
        "",
    ),
    # Ansprechpartnerin ist Erika Mustermann; Contact : M. Eric DUPONT
    Contact(
        (
            "ansprechp",
            "kontakt",
            "personalref",
            "recruiterin",
            "contact",
            "contatt",
            "interlocut",
            "personne à",
            "recrutement",
            "referente",
        ),
        re.compile(
            rf"(?<!\w)(?i:{_LABELS})(?:[ ]für[ ][^.:\n]{{3,60}}?|[ ](?:bei uns|vor Ort))?"
            rf"(?:[ ]?:[ ]?|[ ][–-][ ]|[ ](?:ist|sind|is|est|es|è)[ ])[\n\v]{{0,2}}{_PERSON}"
        ),
        r"",
    ),
    # z. Hd. Erika Mustermann; à l'attention de M. Dupont; t.a.v. Jan Jansen; alla c.a. di
    Contact(
        (
            "hd.",
            "händen",
            "attention d",
            "atención de",
            "attenzione d",
            "c.a.",
            "att.",
            "t.a.v",
            "attentie",
            "cuidado de",
        ),
        re.compile(
            r"(?<!\w)(?i:z\.?[ ]?Hd\.|zu Händen(?: von)?|à l['’][ ]?attention d(?:e|u)|"
            r"a la atención de|att\.|"
            r"all['’]attenzione d(?:i|el|ella)|alla c\.[ ]?a\.(?: d(?:i|el|ella))?|"
            rf"t\.[ ]?a\.[ ]?v\.|ter attentie van|ao cuidado de)(?:[ ]?:)?[ \n\v]{_PERSON}"
        ),
        "",
    ),
    # Bewerbung an Erika Mustermann; adresser CV et lettre à Mme Dupont; inviare il CV a
    Contact(
        (
            "bewerbung",
            "unterlagen",
            "fragen",
            "lebenslauf",
            "candidatur",
            "cv",
            "curriculum",
            "lettre",
            "sollicitatie",
            "brief",
            "adresse",
            "envoye",
        ),
        re.compile(
            rf"(?<!\w)(?:(?i:{_WRITTEN}){_SOME_WORDS}"
            r"[ ](?:an|bei|mit|à|a|al|aan|naar|auprès de)"
            rf"|(?i:adresse[rz]|envoye[rz]){_SOME_WORDS}[ ]à)(?:[ ]?:)?[ \n\v]{_PERSON}"
        ),
        "",
    ),
    # wenden Sie sich an Erika Mustermann; contacter Marie Dupont au; contactar con; bel met
    Contact(
        (
            "wenden",
            "melden",
            "erreichen",
            "steht ihnen",
            "stehen ihnen",
            "hilft ihnen",
            "kontaktier",
            "contacte",
            "contacta",
            "joindre",
            "appele",
            "auprès d",
            "dirigir",
            "preguntar",
            "rivolgersi",
            "contattare",
            "chiedere",
            "contact op",
            "contact met",
            "bel met",
            "bellen met",
            "terecht",
        ),
        re.compile(
            r"(?<!\w)(?i:(?:wenden|melden) Sie sich(?: bitte| gerne?| direkt){0,2} (?:an|bei)|"
            r"erreichen Sie|(?:steht|stehen|hilft) Ihnen(?: gerne?)?|kontaktieren Sie(?: bitte)?|"
            r"contacte[rz]|joindre|appele[rz]|auprès d(?:e|u)|contact(?:ar|e)(?: con)?|"
            r"(?:dirigir|dirigirse) a|preguntar por|rivolgersi a(?:l|lla)?|"
            r"contattare(?: il| la| lo)?|chiedere di|contact op(?:nemen|genomen)?(?: worden)? met|"
            rf"contact met|bel(?:len)? met|terecht bij)[ ]{_PERSON}"
        ),
        "",
    ),
    # Preguntar por María; chiedere di Maria; Solliciteer bij Jan Jansen via [e-mail]
    Contact(
        ("preguntar por", "pregunta por", "chiedere di", "fragen nach"),
        re.compile(
            r"(?<!\w)(?i:pregunt(?:ar|a|e|en) por|chiedere di|fragen (?:Sie )?nach)[ ]"
            rf"(?P<name>{_NAME})"
        ),
        r"[ ]?(?:[,.(\[]|$)|[ ](?:al|en|en el|unter)\b",
    ),
    Contact(
        ("solliciteer", "solliciteren"),
        re.compile(rf"(?<!\w)(?i:solliciteer|solliciteren)[ ]bij[ ]{_PERSON}"),
        "(?!)",
        r"(?:[ ](?:via|op|per)[ ][^.\n\[]{0,20}|[ ]?[(,:]?[ ]?)\[(?:phone|e-mail)\]",
    ),
    # Mr DUPONT Jean au [phone]
    Contact(
        ("mr ", "mr. "),
        re.compile(
            rf"(?<!\w)(?P<name>Mr\.?[ ][{UPPER}]{{2,20}}(?:[ ]{_WORD})?)(?=[ ]au[ ]\[phone\])"
        ),
        "",
    ),
    # Mit freundlichen Grüßen\nErika Mustermann; Cordialement,\nMarie Dupont
    Contact(
        ("grüße", "grüsse", "gruß", "cordialement", "salu", "atenta", "groet", "atenciosamente"),
        re.compile(
            r"(?<!\w)(?i:(?:freundlichen?|vielen?|besten?|herzlichen?|liebe[nr]?|schöne)[ ]"
            r"(?:grü(?:ß|ss)en?|gru(?:ß|ss))(?:[ ](?:aus|nach)[ ]\w{3,20})?"
            r"|(?:bien )?cordialement|salutations(?: distinguées)?|(?:un(?: cordial)? )?saludos?"
            r"(?: cordial(?:es)?)?|atentamente|(?:cordiali|distinti|cari) saluti|"
            r"(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?|groet(?:en|jes)|atenciosamente)"
            rf"[,.!]?[\n\v]{{1,2}}(?P<name>{_DEGREES}{_NAME})"
        ),
        r"[.,]?$",
        r"[.,]?[ ]?(?:[|(\[–-]|$)",
    ),
)
