"""Contacts as postings of many countries and scrapers write them (people, numbers are invented)."""

import time
from pathlib import Path

import local_contacts as local
import pytest
import unusual_contacts as unusual

from jobgen.text.redaction import MODES, RULES, redact_personal_data
from jobgen.text.redaction.masks import replace_masks
from jobgen.text.redaction.phones import redact_phones
from jobgen.text.redaction.regions import guess_regions

PHONES = [
    ("Tel. 01 55 50 01 00", "Tel. [phone]"),
    ("Appelez le 01.55.50.01.00 ou le 06-51-00-00-15.", "Appelez le [phone] ou le [phone]."),
    (
        "Vous pouvez nous joindre au 0470/12.34.56 (Belgique)",
        "Vous pouvez nous joindre au [phone] (Belgique)",
    ),
    ("Contactez Mme Dupont au 04 75 00 00 30", "Contactez [name] au [phone]"),
    ("Rufen Sie uns an: 0351/5550100", "Rufen Sie uns an: [phone]"),
    ("Telefon 0351 / 555 01 00 oder 0172-5550100", "Telefon [phone] oder [phone]"),
    ("Tel.: +49 (0) 351 / 555 01 00-12", "Tel.: [phone]"),
    ("telefonisch unter 0351 5550100", "telefonisch unter [phone]"),
    ("Ring 020 7946 0958 for a chat", "Ring [phone] for a chat"),
    ("Call us on (0161) 496 0123 or 0161-496-0124", "Call us on [phone] or [phone]"),
    ("Phone: 01632 960 123", "Phone: [phone]"),
    ("Tel: 01632-960123 / 01632-960124", "Tel: [phone] / [phone]"),
    ("Mobile: 07700 900 123", "Mobile: [phone]"),
    ("mob 07700-900-123", "mob [phone]"),
    ("call 07700900123", "call [phone]"),
    ("Our UK office in Leeds, 0113 496 0999, is open", "Our UK office in Leeds, [phone], is open"),
    ("London office 020-7946-0123", "London office [phone]"),
    ("+44 (0)20 7946 0018", "[phone]"),
    ("Tel 0044 20 7946 0018", "Tel [phone]"),
    ("Freephone 0808 157 0192", "Freephone [phone]"),
    ("Llame al 912 345 678", "Llame al [phone]"),
    ("teléfono: 91 234 56 78", "teléfono: [phone]"),
    ("WhatsApp 612 34 56 78", "WhatsApp [phone]"),
    ("llamar al 612345678 o al 612345679", "llamar al [phone] o al [phone]"),
    ("Chiamare il 340 5550100", "Chiamare il [phone]"),
    ("cellulare: 3405550100", "cellulare: [phone]"),
    ("tel. 02/5550100", "tel. [phone]"),
    ("Bel 06-12345678 of 020-5550100", "Bel [phone] of [phone]"),
    ("Telefoonnummer: 010 - 555 01 00", "Telefoonnummer: [phone]"),
    ("bel ons op 06 12 34 56 78", "bel ons op [phone]"),
    ("Ligue 912 345 678", "Ligue [phone]"),
    ("Telemóvel: 91 234 56 78", "Telemóvel: [phone]"),
    ("Kenya: call 0722 000 000 or 0733-000-000", "Kenya: call [phone] or [phone]"),
    ("Addis Ababa, Ethiopia. Tel 011 555 01 00", "Addis Ababa, Ethiopia. Tel [phone]"),
    (
        "Yerevan, Armenia. Phone: (374 10) 55-01-00; 55-01-01",
        "Yerevan, Armenia. Phone: [phone]; [phone]",
    ),
    ("Tel: (010) 55 01 00, 55 01 01", "Tel: [phone], [phone]"),
    ("Mob.: (091) 55-01-00", "Mob.: [phone]"),
    ("Ph: 080-25550100, 9855550100", "Ph: [phone], [phone]"),
    ("Call 98555-50100", "Call [phone]"),
    ("Phone: 555-0100, 555-0101 or 555-0102", "Phone: [phone], [phone] or [phone]"),
    ("Telefonnummer: 030-5550100", "Telefonnummer: [phone]"),
    ("Nummer 0159 00000100", "Nummer [phone]"),
    ("Handy: 0159 0000 0100", "Handy: [phone]"),
    ("Zürich, Tel. 044 555 01 00", "Zürich, Tel. [phone]"),
    ("Wien: 01/5550100", "Wien: [phone]"),
    ("Rufen Sie Frau Muster unter 0351 5550100 an", "Rufen Sie [name] unter [phone] an"),
    ("Fax: 0351 5550101", "Fax: [phone]"),
    ("N° de téléphone : 0155500100", "N° de téléphone : [phone]"),
    ("au 06.51.00.00.15", "au [phone]"),
    ("06 51 00 00 15", "[phone]"),
    ("phone +254 722 000000", "phone [phone]"),
    ("+254722000000", "[phone]"),
    ("Tel:212-555-0100", "Tel:[phone]"),
    ("TEL 212 555 0100", "TEL [phone]"),
    ('Text "JOBS" to 212-555-0100', 'Text "JOBS" to [phone]'),
    ("Call Jane at 555.0100", "Call [name] at [phone]"),
    ("T: 0161 496 0000 E: jane@example.com", "T: [phone] E: [e-mail]"),
    ("T 0161 496 0000 | M 07700 900123", "T [phone] | M [phone]"),
    ("Contact no: 0712345678", "Contact no: [phone]"),
    ("Phone No.- 0712 345 678", "Phone No.- [phone]"),
    ("Call/WhatsApp: 0712345678", "Call/WhatsApp: [phone]"),
    ("Call or text 212-555-0100", "Call or text [phone]"),
    ("Cell/WhatsApp 0712 345678", "Cell/WhatsApp [phone]"),
    ("Contact us: 0712345678/0722345678", "Contact us: [phone]/[phone]"),
    ("For inquiries call 020 2220000 / 0722 000000", "For inquiries call [phone] / [phone]"),
    ("tel: 12345678", "tel: [phone]"),
]
GLUED = [
    ("Example303-555-0193 **If", "Example [phone] **If"),
    ("925-555-0195Email me", "[phone]\nEmail me"),
    ("Call 212-555-0100to apply", "Call [phone] to apply"),
    ("jane@example.comor call 212-555-0100", "[e-mail] or call [phone]"),
    ("Email: jane@example.com212-555-0100", "Email: [e-mail] [phone]"),
    ("212-555-0100jane@example.com", "[phone] [e-mail]"),
    ("jane@example.co.ukTel: 0161 496 0000", "[e-mail]\nTel: [phone]"),
    ("jane@example.deTelefon: 0351 5550100", "[e-mail]\nTelefon: [phone]"),
    ("jane@example.com.Please send", "[e-mail].Please send"),
    ("jane@example.com-Apply now", "[e-mail]-Apply now"),
    ("JANE@EXAMPLE.COMPhone: 212-555-0100", "[e-mail]\nPhone: [phone]"),
    ("www.example.co.ukThe shop", "[link]\nThe shop"),
    ("https://www.example.com/jobsApply now", "[link]\nApply now"),
    ("https://example.com/careers?x=1Learn more", "[link]\nLearn more"),
    ("http//:www.example.org", "[link]"),
    ("http:/example.org/jobs", "[link]"),
    ("https:www.example.org", "[link]"),
    ("http:// www.example.com", "[link]"),
    ("visit www.example.comhttps://example.org now", "visit [link] [link] now"),
    ("applyhttps://example.com now", "apply [link] now"),
]
DAMAGED_EMAILS = [
    ("e-mail us atmailbox@example.com", "e-mail us at [e-mail]"),
    ("resume tojane@example.com", "resume to [e-mail]"),
    ("jdoe@....", "[e-mail]"),
    ("mailbox@... or", "[e-mail] or"),
    ("jane@exam... now", "[e-mail] now"),
    ("jane.doe@example…", "[e-mail]"),
    ("j***@example.com", "[e-mail]"),
    ("Send your CV to jobsexample.co.ke", "Send your CV to [e-mail]"),
    ("applications to hrexample.com", "applications to [e-mail]"),
    ("email us at jobsexample.com", "email us at [e-mail]"),
    ("envoyer CV à recrutementexample.fr", "envoyer CV à [e-mail]"),
    ("Bewerbung senden an jobsexample.de", "Bewerbung senden an [e-mail]"),
]
MASKS = [
    ("***@***.com", "[e-mail]"),
    ("jane@e*****e.com", "[e-mail]"),
    ("<EMAIL> or {{PHONE}} or [EMAIL REDACTED]", "[e-mail] or [phone] or [e-mail]"),
    ("[email protected] [email protected]", "[e-mail] [e-mail]"),
    ("(email hidden) (phone number removed)", "[e-mail] [phone]"),
    ("[URL] [PHONE] [PERSON] [EMAIL]", "[link] [phone] [name] [e-mail]"),
    (
        "Contact <PERSON> at <EMAIL_ADDRESS> or <PHONE_NUMBER>",
        "Contact [name] at [e-mail] or [phone]",
    ),
    ("#NAME_0a1b2c# said", "[name] said"),
    ("[url removed, login to view]", "[link]"),
    ("***-***-1234", "[phone]"),
    ("link#URL_0a1b2c3d#Example Bikes", "link [link] Example Bikes"),
    ("at #EMAIL_0a1b2c3d#.We ride", "at [e-mail]. We ride"),
    ("#PHONE_0a1b2c# and #NAME_0a1b2c#", "[phone] and [name]"),
]
BRACKETS = [
    ("(https://example.com)", "([link])"),
    ('("www.example.com")', '("[link]")'),
    ("<jane@example.com>", "<[e-mail]>"),
    ("“jane@example.com”", "“[e-mail]”"),
    ("[Apply](https://example.com/a) now", "[Apply]([link]) now"),
    ("'www.example.com' is", "'[link]' is"),
]
NAMES = [
    ("Ansprechpartner: Herr Max Mustermann", "Ansprechpartner: [name]"),
    ("Ihr Ansprechpartner ist Max Mustermann.", "Ihr Ansprechpartner ist [name]."),
    ("Kontakt: Frau Dr. Erika Mustermann, Tel. 0351 5550100", "Kontakt: [name], Tel. [phone]"),
    ("z. Hd. Frau Mustermann", "z. Hd. [name]"),
    ("z.Hd. Erika Mustermann", "z.Hd. [name]"),
    ("Bewerbung an Erika Mustermann", "Bewerbung an [name]"),
    (
        "Bitte wenden Sie sich an Herrn Mustermann unter 0351 5550100",
        "Bitte wenden Sie sich an [name] unter [phone]",
    ),
    (
        "Für Rückfragen steht Ihnen Frau Müller-Lüdenscheidt gerne zur Verfügung",
        "Für Rückfragen steht Ihnen [name] gerne zur Verfügung",
    ),
    ("Sehr geehrte Frau Mustermann,", "Sehr geehrte [name],"),
    ("Contact : Jean DUPONT", "Contact : [name]"),
    ("Contactez Mme Marie Dupont au 04 75 00 00 30", "Contactez [name] au [phone]"),
    ("à l'attention de M. Dupont", "à l'attention de [name]"),
    ("adresser votre candidature à Madame Dupont", "adresser votre candidature à [name]"),
    ("Merci d'envoyer votre CV à Jeanne Dupont", "Merci d'envoyer votre CV à [name]"),
    ("auprès de M. Eric EXEMPLE, Responsable", "auprès de [name], Responsable"),
    ("Interlocuteur : Pierre Exemple", "Interlocuteur : [name]"),
    ("contactar con Juan Pérez", "contactar con [name]"),
    ("A la atención de la Sra. García", "A la atención de la [name]"),
    ("Persona de contacto: María de la Fuente", "Persona de contacto: [name]"),
    ("Referente: Dott.ssa Maria Rossi", "Referente: [name]"),
    ("all'attenzione di Mario Rossi", "all'attenzione di [name]"),
    ("contattare il Sig. Rossi al 340 5550100", "contattare il [name] al [phone]"),
    ("Neem contact op met Jan de Vries", "Neem contact op met [name]"),
    ("t.a.v. mevrouw De Vries", "t.a.v. [name]"),
    ("t.a.v. Jan Jansen", "t.a.v. [name]"),
    ("contact opnemen met de heer Jansen", "contact opnemen met [name]"),
    ("Contactpersoon: Piet van den Berg", "Contactpersoon: [name]"),
    ("Jane DoeSenior Recruiter", "[name]\nSenior Recruiter"),
    ("Contact: Jane DoeEmail: jane@example.com", "Contact: [name]\nEmail: [e-mail]"),
    ("Regards,Jane Doe | Example Inc", "Regards,[name] | Example Inc"),
    ("Thank you Jane Doe 212-555-0100", "Thank you [name] [phone]"),
    ("send your resume to Jane at jane@example.com", "send your resume to [name] at [e-mail]"),
    ("or CALL Jane @ 212-555-0100", "or CALL [name] @ [phone]"),
    (
        "Posted by:\nJane Doe\nJane Doe\nHead of Example",
        "Posted by:\n[name]\n[name]\nHead of Example",
    ),
    ("M. Jean Exemple, Responsable", "[name], Responsable"),
    (
        "reach out to me (Jane Doe, Vice President) today",
        "reach out to me ([name], Vice President) today",
    ),
]
STAYS = [
    "Founder / CEO",
    "Contact: Founder / CEO",
    "Contact: Kenya",
    "Contact: Human Resources",
    "Kontakt: Personalabteilung",
    "Kontakt: Klinikum Nord",
    "Ansprechpartner: Personalabteilung",
    "Contact us",
    "Madame, Monsieur,",
    "Monsieur le Maire",
    "Madame la Directrice",
    "Sehr geehrte Damen und Herren,",
    "Frau oder Mann",
    "Dear Sir or Madam,",
    "Hello Team,",
    "Hi Folks,",
    "Dear Hiring Team,",
    "contact Example Bikes. Example Bikes is hiring",
    "SIRET 012 345 678 00012",
    "SIREN : 552 100 554",
    "IBAN: FR76 3000 6000 0112 3456 7890 189",
    "IBAN DE89 3704 0044 0532 0130 00",
    "TVA FR 40 303 265 045",
    "USt-IdNr. DE 123 456 789",
    "P. IVA 01234567890",
    "Partita IVA: 01234567890",
    "9-5, 24/7, 9h-17h",
    "de 9h30 - 18h30 du 03/06/2025 au 09/05/2025",
    "Orario: 09.00-13.00 / 14.00-18.00",
    "08.30-12.30/14.00-18.00",
    "35 000 - 40 000 euros",
    "30.000 - 35.000 euro",
    "salaire 2600-3800€",
    "RAL 25.000 – 27.000 Euro",
    "ISO 9001:2015, 20000-1:2018, 27001:2013",
    "IP 192.168.100.200, 10.0.0.1",
    "48.8566 2.3522, 40.7128, -74.0060",
    "latitude 44.929344 longitude 4.869182",
    "H1B 2019-2020",
    "H1B 2019-2020 and OPT",
    "Réf. 2025-04-0012",
    "Offre n° 190 123 4567",
    "référence 0475000030",
    "Referenz 0351-5550100",
    "D.Lgs. 196/2003 e Reg. UE 2016/679",
    "Aut. Min. Prot. n. 39/0002399 del 22/10/2014",
    "CS40612 - 07006 PRIVAS Cedex",
    "26120 Montélier",
    "10115 Berlin, 80331 München",
    "SW1A 1AA, M1 4BT",
    "330 000 collaborateurs, 60 000 clients",
    "12 345 678 utilisateurs",
    "1 250 000 000 people",
    "call 10 000 customers a day",
    "mobile 100 000 users",
    "Office 2016/2019, Windows Server 2008/2012/2016/2019",
    "text 5000000 messages",
    "Kennziffer: 0351-2025-01",
    "Job-ID 0123456789",
    "Version 2.3.4.5, Python 3.11",
    "2025-03-28T14:24:54.516Z",
    "28.03.2025 - 30.04.2025",
    "1/2/3 10/20/30",
    "B. Sc. / M. Sc. Informatik",
    "M. Tech or B. Tech",
    "Sr. Software Engineer",
    "the number 1234567890",
    "DIN EN ISO 9001, EN 12345-1",
    "PO Box 12345 - 00100 Nairobi",
    "P.O. Box 30197-00100",
    "Node.js, ASP.NET",
    "C# and F#, #hashtag, f(**kwargs), a ** b",
    "std::vector<Name>, Map<String>, [link](x)",
    "Tel Aviv, Cell biology, Mobile 3-5 years",
    "Work 40 hours, office 365",
    "direct 10 - 15 reports",
    "Call Center 24/7/365",
    "ring-fenced 1000000",
    "Classe 2 niveau 2 - Coefficient 770 - 3 026.10€",
    "07 - GUILHERAND GRANGES",
    "du 14 au 27/04/2025",
    "Aktenzeichen 12 345/678",
    "€ 1.200.000 - 1.400.000",
    "ORCID 0000-0002-1825-0097",
    "DOI 10.1000/182",
    "hire 500 000 000 units in 2030",
    "the 2019 2020 2021 2022 reports",
    "std::vector<int>, f(**kwargs)",
    "**Contact**: the team",
    "#HASH_TAG",
]
ALL = [*PHONES, *GLUED, *DAMAGED_EMAILS, *MASKS, *BRACKETS, *NAMES, *unusual.ALL, *local.ALL]


@pytest.mark.parametrize(("text", "redacted"), ALL)
def test_contacts_become_placeholders(text, redacted):
    assert redact_personal_data(text, "replace")[0] == redacted


@pytest.mark.parametrize("text", [*STAYS, *unusual.STAYS, *local.STAYS])
def test_what_only_looks_like_a_contact_stays(text):
    assert redact_personal_data(text, "replace") == (text, dict.fromkeys(RULES, 0))


@pytest.mark.parametrize("text", [text for text, _ in ALL])
@pytest.mark.parametrize("mode", MODES)
def test_redacting_twice_changes_nothing_more(text, mode):
    once, counts = redact_personal_data(text, mode)
    assert redact_personal_data(once, mode) == (once, dict.fromkeys(RULES, 0))
    assert any(counts.values()) == (mode != "keep")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Tasks:\n1. Ride\n2. Mail jane@example.com\n3. Sell", "Tasks:\n1. Ride\n3. Sell"),
        ("Salary: 20 | Contact: jane@example.com | City: Rome", "Salary: 20 | City: Rome"),
        ("jane@example.com | 212-555-0100", ""),
        ("• jane@example.com | Rome\nRide", "• Rome\nRide"),
    ],
)
def test_remove_leaves_the_other_fields_and_no_empty_item(text, rest):
    assert redact_personal_data(text, "remove")[0] == rest


def _british_numbers():
    """British numbers in every usual grouping."""
    groupings = [
        ("020", "7946", "0123"),
        ("0113", "496", "0123"),
        ("01632", "960123"),
        ("01632", "960", "123"),
        ("016977", "12345"),
        ("07700", "900123"),
        ("07700", "900", "123"),
        ("0808", "157", "0123"),
        ("0333", "123", "4567"),
        ("02079", "460123"),
    ]
    for first, *rest in groupings:
        for separator in (" ", "-"):
            yield first + separator + separator.join(rest)
        yield f"({first}) {' '.join(rest)}"
        yield f"({first}){' '.join(rest)}"
        yield first + "".join(rest)
        yield f"+44 {first[1:]} {' '.join(rest)}"
        yield f"+44 (0){first[1:]} {' '.join(rest)}"
        yield f"0044 {first[1:]} {' '.join(rest)}"


@pytest.mark.parametrize("number", list(_british_numbers()))
@pytest.mark.parametrize(
    "sentence",
    ["Tel: {}.", "Please ring Jane's office on {} today.", "Our office in Leeds, {}, is open."],
)
def test_british_numbers_in_every_grouping(sentence, number):
    assert redact_phones(sentence.format(number)) == (sentence.format("[phone]"), 1)


def test_regions_decide_which_national_numbers_are_found():
    text = "Bureau 91 234 56 78"
    assert redact_phones(text, regions=["ES"]) == ("Bureau [phone]", 1)
    assert redact_phones(text, regions=["FR"]) == (text, 0)
    assert redact_personal_data(text, "replace", regions=["ES"])[1]["phone numbers"] == 1


def test_the_ending_of_an_address_tells_the_region():
    text = "jobs@example.es, 91 234 56 78"
    assert redact_personal_data(text, "replace")[0] == "[e-mail], [phone]"


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("in Nairobi, Kenya", "KE"),
        ("£12 an hour", "GB"),
        ("Nous sommes ravis, et vous ?", "FR"),
        ("Wir suchen Sie und freuen uns", "DE"),
        ("+251 11 555 0100", "ET"),
        ("www.example.co.ke", "KE"),
    ],
)
def test_regions_are_guessed_from_the_text(text, region):
    assert region in guess_regions(text)
    assert region not in guess_regions("We build bikes in Python for the team.")


def test_a_company_that_the_text_speaks_of_is_no_person():
    text = "Example Bikes is hiring. For details contact Example Bikes."
    assert redact_personal_data(text, "replace")[0] == text


def test_masks_go_with_their_sentences():
    text = "We ride. Write to #EMAIL_0a1b2c3d#. Bye!"
    assert redact_personal_data(text, "remove")[0] == "We ride. Bye!"
    assert redact_personal_data(text, "keep")[0] == text
    assert redact_personal_data(text, "replace")[1]["masks of anonymisers"] == 1
    assert replace_masks("no mask here") == ("no mask here", 0)


@pytest.mark.parametrize(
    "text",
    [
        "#URL_" * 40_000,
        "**" * 100_000,
        "a*" * 100_000,
        "xxx-" * 50_000,
        "{{EMAIL" * 30_000,
        "(email " * 30_000,
        "04 75 " * 30_000,
        "0475000030" * 20_000,
        "tel " * 50_000,
        "Tel: 04 75 00 00 30, " * 8_000,
        "CV to a" * 30_000,
        "write to a.b" * 20_000,
        "a.comB" * 30_000,
        "https://" * 25_000,
        "https://a.comThe" * 12_000,
        "jdoe@...." * 20_000,
        "Frau " * 40_000,
        "Kontakt: Frau " * 15_000,
        "M. A B " * 30_000,
        "\n".join(
            f"Contact: Jane Doe{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}" for i in range(9_000)
        ),
        *unusual.LONG,
        *local.LONG,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_time_is_linear_in_the_length(text):
    start = time.process_time()
    redact_personal_data(text, "replace")
    assert time.process_time() - start < 4


_CASES = Path(__file__).parents[4] / "shared" / "cases" / "tables"


@pytest.mark.parametrize(
    "case",
    [
        "03_anonymiser_tokens",
        "09_phones_abroad",
        "13_lost_bracket",
        "25_masked_email",
        "27_swallowed_word",
    ],
)
@pytest.mark.skipif(not _CASES.is_dir(), reason="the cases are not here")
def test_shared_cases(case):
    import pandas as pd

    expected = (_CASES / f"{case}.expected.txt").read_text().partition("\n\nNOW")[0]
    expected = expected.removeprefix("EXPECTED\n").partition("   (the first")[0]
    text = pd.read_csv(_CASES / f"{case}.csv")["text"][0]
    assert redact_personal_data(text, "replace")[0] == expected.strip()
