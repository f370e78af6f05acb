"""Local numbers, broken lines, lost @s: kinds that labelled tables have shown (all invented)."""

PHONES = [
    # numbers of a town, after a word that means a telephone
    ("Tel: 55 01 00, 55 01 01; e-mail", "Tel: [phone], [phone]; e-mail"),
    ("Fax: 550100.", "Fax: [phone]."),
    ("please call 550100 or 550101", "please call [phone] or [phone]"),
    ("Tel.: 55-01-00/01", "Tel.: [phone]"),
    ("Tel: 55 01 00, 01.", "Tel: [phone]."),
    ("Tel: 22-10-45, 22-10-46", "Tel: [phone], [phone]"),
    ("Phone: 210-345", "Phone: [phone]"),
    ("contact the office at 210-345 or by mail", "contact the office at [phone] or by mail"),
    ("Please call the agency, at 55 0100", "Please call the agency, at [phone]"),
    ("Tel: (374 10) 55-01-00,55-01-01", "Tel: [phone],[phone]"),
    ("ph: 5-01-00, 5-01-01", "ph: [phone], [phone]"),
    ("Tel/Fax: +995 32 550100 / 550101", "Tel/Fax: [phone] / [phone]"),
    ("call the Example Bikes office 55-01-00", "call the Example Bikes office [phone]"),
    ('contact "Bikes" Agency at 55 01 00', 'contact "Bikes" Agency at [phone]'),
    ("reach us through numbers: 55 01 00", "reach us through numbers: [phone]"),
    ("Tel: [374 1] 55 01 00", "Tel: [phone]"),
    ("fax them to the office at 55 01 00", "fax them to the office at [phone]"),
    ("Please call by 55 01 00, 55 01 01", "Please call by [phone], [phone]"),
    ("RSVP by noon at: 55-01-00; 55-01-01", "RSVP by noon at: [phone]; [phone]"),
    ("call the Example office /0-1/ 55-01-00/01", "call the Example office /[phone]"),
    ("55-01-00/mob/ Jane", "[phone]/mob/ Jane"),
    ("at Two*One*Two---Five*Five*Five---Zero*One*Zero*Zero", "at [phone]"),
    # a line break inside
    ("call (01) 55 01\n00.\nApply", "call [phone].\nApply"),
    ("Phone: (374 1)\n55 01 00", "Phone: [phone]"),
    ("fax it to the office at 55\n01 00.", "fax it to the office at [phone]."),
    ("please call:\n55 01 00 or 55 01 01", "please call:\n[phone] or [phone]"),
]
EMAILS = [
    # a site that cuts the @ out
    ("email your CV jdoeexamplebikes.co.uk", "email your CV [e-mail]"),
    ("or email jdoeexample.co.uk", "or email [e-mail]"),
    ("Email Address: Janeexamplebikes.com", "Email Address: [e-mail]"),
    ("CV to Jane.doeexamplebikes.co.uk", "CV to [e-mail]"),
    ("email a full and updated CV to jdoeexample.co.uk", "email a full and updated CV to [e-mail]"),
    ("send your CV jdoeexamplebikes.co.uk or", "send your CV [e-mail] or"),
    ("Join Example Bikes! jdoeexamplebikes.co.uk", "Join Example Bikes! [e-mail]"),
    ("apply to jane DOT doe @ example DOT com", "apply to [e-mail]"),
]
_LONG_LINE = "If you have any questions about this position, contact"
NAMES = [
    # broken by the end of a line of fixed width
    (f"{_LONG_LINE} Jane\nDoe at: 55 01 00.", f"{_LONG_LINE} [name] at: [phone]."),
    (f"{_LONG_LINE}\nJane Doe at 55 01 00.", f"{_LONG_LINE}\n[name] at [phone]."),
    (f"{_LONG_LINE} Mr.\nJoe Bloggs", f"{_LONG_LINE} [name]"),
    # before an address, also with a position
    ("submit it to: Jane Doe at: jane@example.com", "submit it to: [name] at: [e-mail]"),
    (
        "in Word to Jane Doe, Office Coordinator, via e-mail: jane@example.com",
        "in Word to [name], Office Coordinator, via e-mail: [e-mail]",
    ),
    (
        "to Jane Doe at jane@example.com, or Joe Bloggs at joe@example.com",
        "to [name] at [e-mail], or [name] at [e-mail]",
    ),
    (
        "Main Street 5\nJane Doe, Training Officer, E-mail: jane@example.com",
        "Main Street 5\n[name], Training Officer, E-mail: [e-mail]",
    ),
    ("contact the office; Jane Doe at: 55 01 00", "contact the office; [name] at: [phone]"),
    # after other cues
    ("Ms. Jane Doe leads the team", "[name] leads the team"),
    ("Attention to Jane Doe or Joe", "Attention to [name] or Joe"),
    ("to the attention of: Jane Doe, Officer", "to the attention of: [name], Officer"),
    ("Attention Ms. Jane Doe", "Attention [name]"),
    (
        "POINT OF CONTACT\nName: Jane Doe\nTelephone: 55 01 00",
        "POINT OF CONTACT\nName: [name]\nTelephone: [phone]",
    ),
    ("Attn: Program Manager Jane Doe", "Attn: Program Manager [name]"),
    ("our consultant Jane Doe will help", "our consultant [name] will help"),
    ("Consultant: Jane Doe Ref: 12", "Consultant: [name] Ref: 12"),
    ("Contact Name: Jane Doe Email: jane@example.com", "Contact Name: [name] Email: [e-mail]"),
    ("or telephone Jane Doe for details", "or telephone [name] for details"),
    ("contact Jane for further information", "contact [name] for further information"),
    ("send it to Jane TODAY at jane@example.com", "send it to [name] TODAY at [e-mail]"),
    (
        "mail it to jane@example.com, Personnel Department,\nJane Doe.",
        "mail it to [e-mail], Personnel Department,\n[name].",
    ),
    ("jane@example.com Jane Doe, Program Officer", "[e-mail] [name], Program Officer"),
    ("should be forwarded to Jane Doe, Team Leader", "should be forwarded to [name], Team Leader"),
    ("hall 3; Contact person -\nJane Doe.", "hall 3; Contact person -\n[name]."),
    (
        "your resume (plain text) to Jane Doe (see our site)",
        "your resume (plain text) to [name] (see our site)",
    ),
    ("contact Jane **** **** or apply", "contact [name] **** **** or apply"),
    ("ask for Jane. More", "ask for [name]. More"),
    ("Please ring Jane on Tel", "Please ring [name] on Tel"),
    ("Consultant: Jane Doe We ride", "Consultant: [name] We ride"),
    ("call Jane from Example Bikes", "call [name] from Example Bikes"),
    ("ask for Jane alternatively apply", "ask for [name] alternatively apply"),
    ("please ask for:\nJane Doe and her team", "please ask for:\n[name] and her team"),
    # glued signatures
    ("Thanks!Jane 212-555-0100", "Thanks![name] [phone]"),
    ("Thank You,JanePh: 212-555-0100", "Thank You,[name]\nPh: [phone]"),
    (
        "Best RegardsJaneEXAMPLE Bikes\nDirect: 212-555-0100",
        "Best Regards[name]\nEXAMPLE Bikes\nDirect: [phone]",
    ),
    ("Regards,Jane Doe\nExample Bikes\n212-555-0100", "Regards,[name]\nExample Bikes\n[phone]"),
    ("written and spokenJane Doe 212-555-0100", "written and spoken[name] [phone]"),
    (
        "written and spokenJane DoeExample Solutions, Inc.\nWork 212-555-0100",
        "written and spoken[name]\nExample Solutions, Inc.\nWork [phone]",
    ),
    (
        "a diploma is required Jane Doe\nTechnical Recruiter",
        "a diploma is required [name]\nTechnical Recruiter",
    ),
]
STAYS = [
    "One, two, three, four, five, six, seven and eight",
    "sold to Example Bikes, Sales Department",
    "attention to Detail",
    "We use Ms Office, Ms. Excel and MS Word",
    "12 Example Dr. Springfield",
    "send a CV and a Cover Letter to our office",
    "Founder / CEO",
    "our consultant Clinical Psychologists",
    "Consultant: Java",
    "Office Manager, Sales Manager",
    "submit a letter to Armenian Example",
    "please contact the Example Help Desk at our office",
    "Thanks & Regards,Example Technology, Inc.",
    "We look for Example Bikes riders in\nNew York and Palo Alto\nRecruiter: HR",
    "examplebikes.co.uk is the site of Example Bikes",
    "theexamplebikes.co.uk is the site of Example Bikes",
    "reach 120 000 or call 100-150 a day",
    "Work: 35-40 hours, Office: 2016-19",
    "call 24/7 and 10-12 weeks",
    "Contact: 12-05-04",
    "Tel: see page 12\n10 years of work",
    "mobile 550100 games",
]
ALL = [*PHONES, *EMAILS, *NAMES]
LONG = [
    "Tel: 55 01 00, " * 10_000,
    "call 55\n01 00. " * 4_000,
    "call the Example " * 10_000,
    "email your CV a copy " * 10_000,
    "to Jane Doe, Office " * 8_000,
    "Regards,Jane " * 12_000,
    "and so on until the end of this long line to Mr.\nJane " * 3_000,
    "Example Bikes aexamplebikes.com " * 5_000,
    "Example " * 30_000 + "aexamplebikes.com",
]
