"""What stands before and after a telephone number, and what only looks like one."""

import re

from jobgen.text.redaction.name_words import name_length

# Words that announce a telephone number, in seven languages.
_NOUN = (
    r"(?:tele?(?:phones?|fon|foon|fone|fax|fono)(?:isch|nummer|nr|s)?|téléphone|tél|teléfonos?|telf|"
    r"tfno|tlfn?o?|tel|phones?|ph|fon|fone|cell ?phone|cell|cellulare|celular|mobile?|mob|mobil|"
    r"mobilnummer|mobiel|móvil|telemóvel|portable|handy|handynummer|rufnummer|durchwahl|festnetz|"
    r"gsm|fax|faxnummer|télécopie|whats ?app|viber|sms|hot ?line|helpline|landline|"
    r"numero verde|recapit[oi](?: telefonic[oi])?|direct(?: line| dial)?|switchboard|dial|"
    r"ligne directe|tel\.?-?nr|handynr|(?:contact|office|work|desk)(?: no| number| num)|"
    r"phone number|toll[- ]free|"
    # These mean something else where no mark parts them from the number: `Office 365 2016`.
    r"(?:desk|office|work|contact[oa]?(?: info(?:rmation)?| details)?|[ei]nquiries|contato|"
    r"zentrale|standard|per info)(?=[ ]?[:=#])|"
    r"off(?=\.|[ ]?[:=#]))"
)
_NUMBER_WORD = r"(?:n[ou]|nr|num|number|numbers|nos|line|lines|nummer|numéro|número|numero|n°|nº|n)"
_FILLER = (
    rf"(?:{_NUMBER_WORD}|is|are|ist|lautet|est|es|è|under|unter|der|folgender|au|sur|al|allo|ao|op|"
    r"de contact[oe]?|di contatto|de contato|"
    r"on|at|le|il|us|direct|mobile|office|and|und|et)"
)
_STRONG = re.compile(
    rf"(?:(?<![^\W_])(?i:{_NOUN})|(?<=[^\W\d_A-Z])(?:Tel|Phone|Ph|Fax|Mobile|Cell|Telefon|Mob|Direct|"
    rf"Work|Call|Contact|Off)|(?<!\w)[MPTCDFHOWE](?=\.?[ ]?[:#]))"
    rf"(?:\.?[ ](?i:{_FILLER})(?!\w)|(?i:/(?:fax|mobile?|whatsapp|tel))|[ ]?#){{0,4}}"
    r"[ ]?[\"'’]?[ ]?[.:=#–-]{0,3}[ ]?[\"'’]?(?:\([A-Za-z]{1,9}\)[ ]?)?[.:]?[ ]?-?\n?[(\[]?\Z"
)
_VERB = (
    r"(?:call(?:ing)?|phon(?:e|ing)|ring|text(?:ing)?|reach(?:ed)?|contact(?:ing|ed)?|dial|speak|"
    r"message|whatsapp|get in touch|rsvp|telephone|fax(?:ed|ing)?|"
    r"ruf(?:en)?|anrufen|anruf|erreich(?:en|bar|st)?|kontaktier(?:en|e)|meld(?:en|e)|telefonisch|"
    r"appel(?:er|ez|le)|joindre|joignable|joignez|contact(?:er|ez)|téléphon(?:er|ez)|"
    r"llam(?:ar|e|en|a|ando)|llám(?:anos|enos|ame|eme)|contactar|contacte|contáctenos|"
    r"chiam(?:are|ate|aci|ateci|a|i)|contatt(?:are|ate|aci|ateci)|telefonare|"
    r"bel(?:len)?|bereikbaar|app(?=[ ]naar)|ligue|ligar|contate|zap)"
)
_WEAK = re.compile(
    rf"(?i)(?<![^\W_]){_VERB}(?:[-_ ](?:nous|moi|us|me|him|her|them|uns|mich|ons|now|today|"
    rf"directly|immediately|via|tram(?:ite)|il|lo|la|el|le|the|toll[- ]free|sie|at|on|under|unter|"
    rf"{_NUMBER_WORD}|by|au|al|allo|op|met|naar|para|pelo|ao|en|der|die|folgender|an)(?!\w)){{0,6}}"
    r"[ ]?[.:–-]{0,2}\s?\(?\Z"
    # contact Jane Doe at; joindre Mme Doe au; erreichen Sie Frau Doe unter
    rf"|(?<![^\W_]){_VERB}(?:[ ,\n]{{1,2}}[\w.'’();\"-]{{1,20}}){{1,8}}[ ,]{{1,2}}"
    r"(?:at|on|under|au|unter|al|op|ao|en el)[ ]?:?\s?\(?\Z"
    r"|\b(?:at|on|through|by|via)[ ](?:the[ ])?(?:following[ ])?(?:(?:tele)?phone[ ])?numbers?[ ]?"
    r":?\s?\(?\Z"
    # fax your CV to
    r"|\b(?i:fax(?:ed)?)(?:[ ][\w'’-]{1,20}){0,6}[ ]to[ ]?:?\s?\(?\Z"
    # text JOBS to; WhatsApp your CV to
    r"|(?<![^\W_])(?i:text|whats ?app|sms|send)(?:[ ][\w\"“”'’-]{1,20}){1,4}[ ]to[ ]?:?[ ]?\Z"
)
_BESIDE_ADDRESS = re.compile(
    r"\[(?:e-mail|name)\][ ]?[|,;/·•–-]{0,2}[ ]?(?:or[ ]|ou[ ]|oder[ ])?\Z"
)
# `au numéro 04...`, `unter der Nummer 0351...`: such a word also stands before identifiers.
_NUMBER_NOUN = re.compile(
    r"(?i)(?<!\w)(?:au|sur le|dem|der|die|folgende[rn]?|al|il|el|het|pelo|o)[ ]"
    r"(?:nummern?|numéros?|numer[oi]|números?)[ ]?:?[ ]?\Z"
    # `M 06 12345678`, at the start of a line or field
    r"|(?:^|\n|[|,;·•][ ]?)(?:(?-i:[MTF])[ ]|numer[oi][ ]?:[ ]?)\Z"
)
_ASKED = re.compile(
    r"(?i)(?<!\w)(?:(?:questions|fragen|dudas|domande)[ ]?\?|(?:hr|recruiter)[ ]?[:|–-])[ ]?\(?\Z"
    # Mr DUPONT Jean au; Frau Muster unter
    r"|(?<!\w)(?-i:Mr\.?|M\.|Mme|Mlle|Herrn?|Frau|Sr\.|Sra\.|Sig\.)(?:[ ][\w'’-]{1,20}){1,3}"
    r"[ ](?:au|unter|al)[ ]\Z"
)
# call the agency of Jane Doe
_FAR = re.compile(
    r"(?i)(?<![^\W_])(?:call|phone|contact)(?:[ ,\n]{1,2}[\w.'’()\"/-]{1,20}){1,8}[ ][(/]?\Z"
)
# Words for telephones near a number; `reach 120 000` and `Work: 35-40` have none.
_TELEPHONE = re.compile(
    r"(?i)(?<![^\W\d_])(?:tel(?!l)|tél|ph(?:one|\b)|fax|mob(?:ile)?(?=[ ]?[.:])|cell(?=[ ]?[.:])|"
    r"fon|call|ring|dial|gsm|handy|numbers|(?:at|on|by|au|unter|al|op)[ ]?:?\s?\(?\Z)"
)
_TELEPHONE_AFTER = re.compile(r"(?i)[ ]?[/(][ ]?(?:mob(?:ile)?|tel|fax|cell|phone)\.?[ ]?[/)]")
# Contact: Priya - ; HR Priya ( ; phone Jane:
_NAMED = re.compile(
    r"(?<!\w)(?i:contact(?: person| name)?|hr|call|whats ?app|phone|recruiter)[ ]?:?[ ]"
    r"(?:HR[ ])?(?P<name>[^\W\d_a-z]\w{1,20}(?:[ ][^\W\d_a-z]\w{1,20}){0,2})[ ]?[:,.–-]?[ ]?\(?\Z"
)
_LIST = re.compile(
    r"\[phone\][ ]?(?:[,;/|&+·•]|[ ](?:or|and|oder|und|ou|et|o|e|y|of|en|bzw\.?))?[ ]?"
    r"(?:(?:or|and|oder|und|ou|et|au|on|at|al|op|ao|unter)[ ])?\Z"
)
# Words before a number that show that it is an identifier.
_ID = re.compile(
    r"(?i)(?:(?<!\w)(?:id|ids|req|requisition|ref|reference|code|position|posting|job|case|part|"
    r"model|sku|isbn|issn|order|invoice|account|ticket|patent|no|vacancy|version|license|licence|ip|"
    r"réf|référence|referenz(?:nummer)?|kennziffer|kennnummer|stellen(?:nummer|-id)|chiffre|offre|"
    r"annonce|dossier|rif|riferimento|referencia|siret|siren|ape|naf|rcs|iban|bic|swift|tva|vat|"
    r"ust-id(?:nr)?|steuernummer|hrb|p\.?[ ]?iva|partita iva|codice fiscale|c\.?f|cif|nif|nie|kvk|"
    r"btw|prot|protocollo|aut\.?[ ]?min|iso|din|rfc|ean|"
    r"upc|duns|ein|ssn|cap|cp|plz|zip|orcid|doi|vacaturenummer|matricola|immatriculation|cage|"
    r"naics|crd|nmls|bsb|sort code|latitude|longitude|lat|lon|long|gps)(?!\w)"
    r"[\s.:#()s°º–-]*(?:n[.°º]?[\s.:]*)?|#[ ]?|\bn[°º][ ]?|(?<!\w)number[\s:#(s)]*)\Z"
)
_PHONE_NEAR = re.compile(rf"(?i)(?<!\w)(?:{_NOUN}|call|contact|direct)(?!\w)")
# Years, dates, times, amounts, ranges and codes that can follow a cue such as `mobile`.
NO_PHONE = re.compile(
    r"(?:19|20)\d\d[ ]?[-–/. ][ ]?(?:(?:19|20)\d\d|\d{1,2}[-–/.]\d{1,2})\b"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\Z"
    r"|\d{1,2}[ ]?[-/.][ ]?\d{1,2}[ ]?[-/.][ ]?(?:19|20)\d\d\b"
    r"|\d{1,3}(?:\.\d{1,3}){3}\Z|\d{1,3}(?:[ .]0{3})+\b|24/7|\d{5}-\d{4}\Z"
    r"|(?:[01]?\d|2[0-4])[.:][0-5]\d[ ]?[-–/][ ]?(?:[01]?\d|2[0-4])[.:][0-5]\d"
    r"|\d*0{5,}\Z"
)
# The same, but numbers of a town are written like that too: `Tel: 22-10-45`, `Fax: 210-345`.
NO_PHONE_ALONE = re.compile(
    r"(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.]\d{2}\Z"
    r"|\d{1,3}[ ]?[-–/][ ]?\d{1,3}\Z"
)
_AMOUNT_AFTER = re.compile(
    r"(?i)[ ]?(?:[€$£%₹]|(?:eur|euros?|usd|chf|gbp|dollars?|francs?|k€|km|kg|ml|sq|m²|users|"
    r"employees|customers|people|rows|records|messages|requests|hours|hrs|days|stunden|heures|horas|"
    r"ore|uur|uren)(?!\w))"
)


_LETTER = re.compile(r"[^\W\d_]")


def is_identifier(before: str) -> bool:
    """Whether the text before a number announces an identifier, not a telephone."""
    return bool(_ID.search(before)) and not _PHONE_NEAR.search(before[-30:])


def is_amount(after: str) -> bool:
    """Whether the text after a number makes it an amount."""
    return bool(_AMOUNT_AFTER.match(after))


def is_telephone(after: str) -> bool:
    """Whether a word for a telephone follows a number: `55-01-00/mob/`, `555010 (fax)`."""
    return bool(_TELEPHONE_AFTER.match(after))


def is_near_telephone(before: str) -> bool:
    """Whether one of the words right before a number means a telephone and nothing else."""
    return bool(_TELEPHONE.search(before[-30:]))


def find_cue(before: str) -> str:
    """Kind of the words before a number: "strong", "weak", "person", "number", "list", "far" or "".

    A strong cue is a noun such as `Tel.`, a weak one a verb such as `call us at`; "person" is
    the name or title of who answers, "number" a word such as `al numero`; "list" means that the
    text goes on from the number before; "far", that a verb stands some words before.

    >>> find_cue("Tel. no: "), find_cue("appelez-nous au "), find_cue("Tel: [phone] or ")
    ('strong', 'weak', 'list')
    """
    if not _LETTER.search(before):
        return ""
    if _LIST.search(before):
        return "list"
    if _STRONG.search(before):
        return "strong"
    if _WEAK.search(before) or _BESIDE_ADDRESS.search(before):
        return "weak"
    named = _NAMED.search(before)
    if _ASKED.search(before) or named and name_length(named["name"]) == len(named["name"]):
        return "person"
    if _NUMBER_NOUN.search(before):
        return "number"
    return "far" if _FAR.search(before) else ""
