"""Guess from a text in which countries its national telephone numbers are valid."""

import re

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

# Distinct words that a text must have before it counts as written in a language.
_FEWEST_WORDS = 2
_LANGUAGES = {
    ("FR", "BE", "CH", "CA", "LU"): (
        "vous nous pour avec les une est aux votre notre poste sur appelez contactez contacter "
        "téléphone joindre numéro candidature ou au"
    ),
    ("DE", "AT", "CH"): (
        "und wir für sie mit oder unter ihre ihr der das ist eine telefon rufnummer nummer "
        "ansprechpartner ansprechpartnerin bewerbung"
    ),
    ("ES", "MX", "AR", "CO", "CL", "PE"): (
        "para una con por del nuestra llamar llame teléfono móvil empresa trabajo interesados el y"
    ),
    ("IT", "CH"): (
        "di il per una con gli della del che chiamare cellulare contattare telefono lavoro azienda "
        "numero"
    ),
    ("NL", "BE"): (
        "het een van voor met wij jij je bij ons bel bellen telefoon telefoonnummer vacature en"
    ),
    ("PT", "BR"): "para com uma dos não você ligue telefone telemóvel vaga empresa os em",
    ("PL",): "oraz dla się jest praca telefon pod numerem nie",
    ("SE", "DK", "NO"): "och för som med att på til og er ring telefon",
}
_WORDS_OF_LANGUAGES = {regions: frozenset(words.split()) for regions, words in _LANGUAGES.items()}
FUNCTION_WORDS = frozenset().union(*_WORDS_OF_LANGUAGES.values())
# Names of countries, currencies and large cities, as English and local postings write them.
_PLACES = {
    "AE": "UAE|Dubai|Abu Dhabi|United Arab Emirates|AED",
    "AM": "Armenia|Yerevan|AMD",
    "AR": "Argentina|Buenos Aires",
    "AT": "Austria|Österreich|Vienna|Wien|Graz|Linz|Salzburg",
    "AU": "Australia|Sydney|Melbourne|Brisbane|Perth|AUD",
    "BD": "Bangladesh|Dhaka",
    "BE": "Belgium|Belgique|België|Brussels|Bruxelles|Brussel|Antwerp|Antwerpen|Gent",
    "BG": "Bulgaria|Sofia",
    "BR": "Brazil|Brasil|São Paulo|Rio de Janeiro",
    "CH": "Switzerland|Schweiz|Suisse|Svizzera|Zürich|Zurich|Genève|Geneva|Basel|Bern|CHF",
    "CL": "Chile",
    "CN": "China|Beijing|Shanghai|Shenzhen",
    "CO": "Colombia|Bogotá",
    "CZ": "Czech Republic|Czechia|Praha|Prague|CZK",
    "DE": "Germany|Deutschland|Berlin|Hamburg|München|Munich|Köln|Frankfurt|Stuttgart|Dresden",
    "DK": "Denmark|Danmark|Copenhagen|København|DKK",
    "EG": "Egypt|Cairo",
    "ES": "Spain|España|Madrid|Barcelona|Valencia|Sevilla",
    "ET": "Ethiopia|Addis Ababa|ETB",
    "FI": "Finland|Suomi|Helsinki",
    "FR": "France|Paris|Lyon|Marseille|Toulouse|Lille|Bordeaux|Nantes",
    "GB": (
        "£|UK|U.K.|United Kingdom|Great Britain|Britain|British|England|Scotland|Wales|London|"
        "Manchester|Birmingham|Leeds|Glasgow|Edinburgh|Bristol|Liverpool|Sheffield|Cardiff|Belfast|"
        "GBP|National Insurance"
    ),
    "GE": "Tbilisi",
    "GH": "Ghana|Accra",
    "GR": "Greece|Athens",
    "HK": "Hong Kong|HKD",
    "HU": "Hungary|Budapest",
    "ID": "Indonesia|Jakarta",
    "IE": "Ireland|Dublin|Cork|Galway",
    "IL": "Israel|Tel Aviv",
    "IN": (
        "₹|India|Bangalore|Bengaluru|Mumbai|Delhi|Hyderabad|Chennai|Pune|Kolkata|Noida|Gurgaon|"
        "Gurugram|INR|LPA"
    ),
    "IT": "Italy|Italia|Milan|Milano|Roma|Rome|Torino|Bologna|Napoli|Firenze",
    "JP": "Japan|Tokyo|JPY",
    "KE": "Kenya|Nairobi|Mombasa|Kisumu|KES|KSh|Ksh",
    "KR": "South Korea|Seoul",
    "LK": "Sri Lanka|Colombo",
    "LU": "Luxembourg|Luxemburg",
    "MA": "Morocco|Maroc|Casablanca|Rabat",
    "MX": "Mexico|México|MXN",
    "MY": "Malaysia|Kuala Lumpur",
    "NG": "₦|Nigeria|Lagos|Abuja|NGN",
    "NL": "Netherlands|Nederland|Holland|Amsterdam|Rotterdam|Utrecht|Den Haag|Eindhoven",
    "NO": "Norway|Norge|Oslo|NOK",
    "NZ": "New Zealand|Auckland|NZD",
    "PE": "Peru|Perú",
    "PH": "Philippines|Manila",
    "PK": "Pakistan|Karachi|Lahore|Islamabad|PKR",
    "PL": "Poland|Polska|Warsaw|Warszawa|Kraków|Wrocław|zł|PLN",
    "PT": "Portugal|Lisbon|Lisboa|Porto",
    "RO": "Romania|România|Bucharest|București|RON",
    "RS": "Serbia|Belgrade",
    "RU": "Russia|Moscow|Россия",
    "RW": "Rwanda|Kigali",
    "SA": "Saudi Arabia|Riyadh|SAR",
    "SE": "Sweden|Sverige|Stockholm|Göteborg|Gothenburg|Malmö|SEK",
    "SG": "Singapore|SGD",
    "TH": "Thailand|Bangkok",
    "TN": "Tunisia|Tunisie|Tunis",
    "TR": "Turkey|Türkiye|Istanbul|İstanbul",
    "TZ": "Tanzania|Dar es Salaam|TZS",
    "UA": "Ukraine|Kyiv|Kiev|Lviv",
    "UG": "Uganda|Kampala|UGX",
    "VN": "Vietnam|Hanoi",
    "ZA": "South Africa|Johannesburg|Cape Town|Durban|Pretoria|ZAR",
    "ZM": "Zambia|Lusaka",
    "ZW": "Zimbabwe|Harare",
}
_REGION_OF_PLACE = {
    place: region for region, places in _PLACES.items() for place in places.split("|")
}
# Capitalized phrases that name a place, not a person.
PLACES = frozenset(_REGION_OF_PLACE)
_PLACE = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, _REGION_OF_PLACE)) + r")(?!\w)|[£₹₦]")
# `+254 20`, `(374-1)`
_CALLING_CODE = re.compile(r"(?<![\w+])(?:(?:\+|00)[ ]?([1-9]\d{0,2})|\((\d{3})-\d)")
# Endings of addresses, but those that are sold to everybody (`.io`, `.ai`, `.co`, `.me`, `.tv`).
_COUNTRY_ENDING = re.compile(r"(?<=[\w-])\.([a-z]{2})(?![\w-]|\.\w)")
_SOLD_ENDINGS = frozenset(
    "ac ai am as at be co do fm in io is it la ly me my no sh so to tv us".split()
)
_ADDRESS = re.compile(r"(?:@|www\.|://)[\w.-]{3,80}")
_WORD = re.compile(r"[^\W\d_]+")


def guess_regions(text: str) -> tuple[str, ...]:
    """ISO regions whose national numbers may occur in a text, from its language and its places.

    Numbers of the USA and Canada may occur in any text. The others come from function words,
    currency signs, names of countries and cities, calling codes and the endings of addresses.

    >>> guess_regions("Salary: £30,000, in Leeds")
    ('CA', 'GB', 'US')
    >>> guess_regions("Wir freuen uns: bewerbung@example.at, und bitte mit Foto")
    ('AT', 'CA', 'CH', 'DE', 'US')
    """
    regions = {"US", "CA"}
    words = {word.lower() for word in _WORD.findall(text)}
    for candidates, known in _WORDS_OF_LANGUAGES.items():
        if len(words & known) >= _FEWEST_WORDS:
            regions.update(candidates)
    regions.update(_REGION_OF_PLACE[place] for place in _PLACE.findall(text))
    for match in _CALLING_CODE.finditer(text):
        digits = match[1] or match[2]
        for length in (2, 3):  # no calling code is the beginning of another
            regions.update(COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]), ())[:1])
    for address in _ADDRESS.findall(text):
        ending = _COUNTRY_ENDING.search(address)
        if ending and ending[1] not in _SOLD_ENDINGS:
            regions.add({"uk": "GB"}.get(ending[1], ending[1].upper()))
    return tuple(sorted(regions & SUPPORTED_REGIONS))
