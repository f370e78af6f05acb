"""Contacts in forms that are less usual, and clean texts that look like them (all invented)."""

import time

import pytest

from jobgen.text.redaction import MODES, RULES, redact_personal_data

PHONES = [
    ("Office: 212 555 0100", "Office: [phone]"),
    ("Work: 0161 496 0000", "Work: [phone]"),
    # after a name or a title
    ("Contact: Priya - 9855550100", "Contact: [name] - [phone]"),
    ("Contact Person: Priya (9855550100)", "Contact Person: [name] ([phone])"),
    ("HR Priya - 9855550100", "HR [name] - [phone]"),
    ("Call HR Priya 9855550100", "Call HR [name] [phone]"),
    ("phone Jane: 07700900123", "phone Jane: [phone]"),
    ("[name] | Recruiter | 2125550100", "[name] | Recruiter | [phone]"),
    ("HR : 9855550100", "HR : [phone]"),
    ("Questions? 2125550100", "Questions? [phone]"),
    ("Whatsapp your CV to 9855550100", "Whatsapp your CV to [phone]"),
    ("Text JOBS to 2125550100", "Text JOBS to [phone]"),
    # after words of other languages
    ("Llámanos al 612 345 678", "Llámanos al [phone]"),
    ("Teléfono de contacto: 912 345 678", "Teléfono de contacto: [phone]"),
    ("Contactar con María en el 612345678", "Contactar con María en el [phone]"),
    ("Contacto: 612345678", "Contacto: [phone]"),
    ("Tel.-Nr.: 030-5550100", "Tel.-Nr.: [phone]"),
    ("Tel.Nr. 0305550100", "Tel.Nr. [phone]"),
    ("Handynr.: 0159 0000010", "Handynr.: [phone]"),
    ("Zentrale: 030 5550100", "Zentrale: [phone]"),
    ("Ligne directe: 0155500100", "Ligne directe: [phone]"),
    ("Standard : 01 55 50 01 00", "Standard : [phone]"),
    ("recapito telefonico 3405550100", "recapito telefonico [phone]"),
    ("Per info: 3405550100", "Per info: [phone]"),
    ("App naar 0612345678", "App naar [phone]"),
    ("M 06 12345678", "M [phone]"),
    ("Contato: 11955550100", "Contato: [phone]"),
    ("Zap 11955550100", "Zap [phone]"),
    # shapes
    ("call 212‐555‐0100", "call [phone]"),
    ("Tel:02079460123E-mail: x", "Tel:[phone]\nE-mail: x"),
    ("Venez avec nous et vous, 0155500100 le matin", "Venez avec nous et vous, [phone] le matin"),
    ("São Paulo, Brasil (11) 95555-0100", "São Paulo, Brasil [phone]"),
    ("Sydney, 1300 555 010 today", "Sydney, [phone] today"),
    ("Yerevan (374 10) 55-01-00", "Yerevan [phone]"),
    ("Mumbai, 98555 50100 today", "Mumbai, [phone] today"),
    ("Roma, 340 5550100 oggi", "Roma, [phone] oggi"),
    ("Warszawa, 501 555 010 dzisiaj", "Warszawa, [phone] dzisiaj"),
    ("Lagos, 08035550100 today", "Lagos, [phone] today"),
]
EMAILS = [
    ("questions to jdoe AT example.com", "questions to [e-mail]"),
    ("send to jane at example.com", "send to [e-mail]"),
    ("Send your CV to jane.doe at example.com today", "Send your CV to [e-mail] today"),
    ("jane(a)example.de", "[e-mail]"),
    ("jane ät example.de", "[e-mail]"),
    ("Mail to jane.doe@example. com", "Mail to [e-mail]"),
    ("jane@example .com", "[e-mail]"),
    ("jdoe@exampleridersPh: 212-555-0100", "[e-mail]\nPh: [phone]"),
    ("jane arroba example punto com", "[e-mail]"),
]
LINKS = [
    ("careers@example.com.https://example.com/jobs/", "[e-mail].[link]"),
    ("https://example.com/a(b)c", "[link]"),
    ("(see https://example.com/a) c", "(see [link]) c"),
    ("sftp://files.example.com/a", "[link]"),
    ("Form: goo.gl/forms/a1b2", "Form: [link]"),
    ("Site: example.com", "Site: [link]"),
    (r"https://example.com\nNext", r"[link]\nNext"),
    (r"https://example.com/a\_b", "[link]"),
]
SIGNATURES = [
    ("Mit freundlichen Grüßen\nErika Mustermann", "Mit freundlichen Grüßen\n[name]"),
    ("Viele Grüße\nErika", "Viele Grüße\n[name]"),
    ("Cordialement,\nMarie Dupont", "Cordialement,\n[name]"),
    ("Un saludo,\nMaría García", "Un saludo,\n[name]"),
    ("Cordiali saluti\nMario Rossi", "Cordiali saluti\n[name]"),
    ("Met vriendelijke groet,\nJan Jansen", "Met vriendelijke groet,\n[name]"),
    ("Best,\nJane", "Best,\n[name]"),
]
NAMES = [
    ("Contact Jane Doe or Joe Bloggs at 212-555-0100", "Contact [name] or [name] at [phone]"),
    ("Contact: Jane Doe / Joe Bloggs", "Contact: [name] / [name]"),
    ("Hi, I'm Jane Doe", "Hi, I'm [name]"),
    ("Recruitment consultant: Jane Doe", "Recruitment consultant: [name]"),
    ("Consultant Name: Jane Doe", "Consultant Name: [name]"),
    ("Contact Person Name: Priya Exemplar", "Contact Person Name: [name]"),
    ("Manager's name: Jane Doe", "Manager's name: [name]"),
    ("Recruiterin: Erika Mustermann", "Recruiterin: [name]"),
    ("Contact Name: DOE, Jane", "Contact Name: [name]"),
    ("Questions? Jane Doe will help: jane@example.com", "Questions? [name] will help: [e-mail]"),
    ("Ask for Jane when you call 212-555-0100", "Ask for [name] when you call [phone]"),
    ("Mr DUPONT Jean au 0155500100", "[name] au [phone]"),
    ("Att. Juan Pérez", "Att. [name]"),
    ("A la atención de Dña. María García", "A la atención de [name]"),
    ("Preguntar por María", "Preguntar por [name]"),
    ("chiedere di Maria", "chiedere di [name]"),
    ("Solliciteer bij Jan Jansen via jan@example.com", "Solliciteer bij [name] via [e-mail]"),
    ("Contact: Nguyễn Văn Bình", "Contact: [name]"),
    ("Contact: Иван Петров", "Contact: [name]"),
]
STAYS = [
    "Preguntar por Recepción",
    "Att. Recursos Humanos",
    "Hi, I'm Looking for a job",
    "Consultant: Java",
    "Contact: IT, Marketing",
    "Solliciteer bij Example Bikes via de site",
    "Responsable : Atelier Mécanique",
    "Contact Nº 12 and Nª 13",
    "Work 2000 - 3000 hours",
    "Office 365 2016 2019",
    "Contact 1000000 Stunden",
    "HR Manager - 2105975094",
    "HR Generalist - 2105975094",
    "Call Center Representative - 2105975094",
    "Supervisor: Night Shift",
    "Supervisor: None",
    "Contact: Click Here",
    "Contact: See Below",
    "Contact: Night Audit",
    "Contact: Red Hat",
    "Thank you, Good Luck",
    "Thanks, Clear Advantage",
    "Dear Reader",
    "Hello Fresh",
    "Visual Basic\nHR Manager",
    "Referente: Responsabile Commerciale",
    "Contatto: Milano Centro",
    "Envoyer CV à Example Vélos",
    "Mit freundlichen Grüßen\nIhr Personalteam",
    "Cordialement,\nLe service recrutement",
    "Best\nPractices in Python",
    "We send people to work at example.com",
    "AT example.com we ride",
    "Write code: python at example.com",
    "Write replies to customers at example.com",
    "WORK AT Example.com",
    "the criteria (a)example and (b)",
    "India: 60000 70000 units, 50 000 000 rows",
    "Warszawa: 500 000 000, 501 000 000",
    "Nous sommes ravis, et vous ? Réf. 0155500100",
]
ALL = [*PHONES, *EMAILS, *LINKS, *SIGNATURES, *NAMES]


@pytest.mark.parametrize(("text", "redacted"), ALL)
def test_contacts_become_placeholders(text, redacted):
    assert redact_personal_data(text, "replace")[0] == redacted


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_a_contact_stays(text):
    assert redact_personal_data(text, "replace") == (text, dict.fromkeys(RULES, 0))


@pytest.mark.parametrize("text", [text for text, _ in ALL])
@pytest.mark.parametrize("mode", MODES)
def test_redacting_twice_changes_nothing_more(text, mode):
    once, _ = redact_personal_data(text, mode)
    assert redact_personal_data(once, mode) == (once, dict.fromkeys(RULES, 0))


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


@pytest.mark.parametrize(
    "text",
    [
        "HR A " * 30_000,
        "Call HR Priya 98555 " * 10_000,
        "text a " * 30_000,
        "send a to a at " * 15_000,
        "a AT a" * 30_000,
        "jane@gmail. " * 20_000,
        "https://a(b" * 20_000,
        "https://a" + "(b)c" * 40_000,
        "https://a" + "\\n" * 60_000,
        "[name] or A " * 20_000,
        "98555 50100 India " * 8_000,
        "Mr A B au " * 20_000,
        "Questions? Jane Doe will " * 10_000,
        "Grüße\nA " * 20_000,
        "Solliciteer bij A " * 15_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_time_is_linear_in_the_length(text):
    start = time.process_time()
    redact_personal_data(text, "replace")
    assert time.process_time() - start < 4
