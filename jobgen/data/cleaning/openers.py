"""Words by which the beginning of a sentence, an item or a heading is known; in lower case."""

# Words that often open a sentence, an item or a heading; in lower case. The short ones also end
# names, such as LearnIt and RideIn.
OPENERS = frozenset(
    """you we our the this your these they strong experience experienced excellent knowledge ability
    able responsibilities responsible requirements required qualifications preferred benefits about
    what who why how description candidate candidates bachelor bachelors master masters must minimum
    proven demonstrated familiarity understanding competitive additional desired please proficient
    proficiency education duties summary overview
    wir sie ihre deine unsere das die der eine vous nous votre notre nos les une des usted nuestro
    nuestra siamo onze
    """.split()
)
SHORT_OPENERS = frozenset(
    """to be it if in as at an all no not or and so on up with for by from do my us let can are is
    have will key rate skills job working work manage develop support provide maintain ensure assist
    si per du ihr dein unser ein als was vos le la un tu el los las sei il lo gli i jij wij je ons
    het een
    """.split()
)
# Words that are often a heading of their own.
HEADINGS = frozenset(
    """summary description overview responsibilities requirements qualifications benefits duties
    skills education experience about position positions location locations company role roles
    compensation perks
    aufgaben profil anforderungen missions profil compétences requisiti mansioni funciones
    requisitos taken functieomschrijving
    """.split()
)
# Those after which the name of a company may follow.
SURE_HEADINGS = frozenset(
    """summary description overview responsibilities requirements qualifications duties benefits
    perks""".split()
)
# Those that names hardly end with, unlike FastCompany and NetBenefits.
OPENERS_AFTER_CAPITALS = (
    (OPENERS - HEADINGS) | SURE_HEADINGS - {"benefits", "perks"} | {"experience"}
)
