"""Words that tell the name of a person from other capitalized phrases."""

import re

from jobgen.text.redaction.regions import FUNCTION_WORDS, PLACES

# Words that show that a capitalized phrase does not name a person.
_NO_NAMES = frozenset(
    """a about academy access accommodation accommodations account accounting accounts
    acquisition admin administration advisor affairs africa after agency agile ai all america
    american an analyst analytics and angeles any api apis app applicant applicants
    application applications apply architect architecture area artificial asia assistance
    assistant associate associates association at atlanta austin automation automotive
    available bachelor back backend bank banking benefits berlin big bikes board boston branch
    bureau business california call campaign campaigns campus canada candidate candidates
    candidature care career careers carolina carrier carriers cell center centers centre ceo
    cfo chain chairman channel chat chicago chief cio city client clients clinic cloud coach
    coders cofounder colleague colleagues college commerce commission committee communications
    community company compensation compliance computer conditions conference construction
    consultant consultants consulting consumer contact content contract control coo
    coordinator core corp corporate corporation council count country county court crew crm
    cto customer customers dallas data database day days dear december degree delivery denver
    department dept description design desk details developer developers development device
    devops digital direct direction director disability diversity division doctor easy
    ecommerce education email employee employees employer employers employment energy engine
    engineer engineering engineers enterprise equal equity europe european everybody everyone
    excel executive executives experience experts family fax february federal fellow finance
    financial first flow folks foundation founder founders francisco free friday friend
    friends from front full functions fund future general generation gentlemen germany git
    github global gmbh google government group groups guest guys head headquarters health
    healthcare hello help helpdesk hi high hiring home hospital hospitals hotline houston hq
    hr hub human i if in inc india industries industry information infrastructure innovation
    inquiries inside insights institute institution insurance integration intelligence
    interest intern internal international internet interns interview it january java jersey
    job jobs july kafka kind lab laboratories labs ladies language las lead leader leaders
    leadership leads learning legal level library life limited line link linkedin list llc llp
    local location logistics london los ltd machine machinery madam main management manager
    managers manufacturing map march market marketing markets master me media medical member
    members message method methods microsoft ministry mobile model models monday more mr ms
    munich my name nation national native network new ninja ninjas no north note november now
    number october of office officer offices on online only operations opportunities
    opportunity option options or orchestration order organization our outreach owner owners
    partner partners payments payroll people perks person personal personnel phone platform
    please policy position power practice preferred president primary principal privacy
    process processing product production products professional professionals professor
    program programs project projects prospective provider providers public python qa quality
    question questions queue queues recruiter recruiters recruiting recruitment recruitments
    references region regional relations remote representative requests required requirements
    research resource resources responsibilities responsibility responsible results resume
    retail risk rockstar rockstars role routes routing salary sales san saturday school
    schools science sciences scientist scientists script scripts search seattle secretary
    section security seeker seekers senior september server service services share shared sir
    sirs site skills slack social society software solution solutions source sourcing south
    specialist specialists speech squad sr staff staffing stakeholder stakeholders state
    states storage store strategy street strong student students studio subcontractor subject
    success summit sunday superstar superstars supervisor supervisors supply support system
    systems talent talents team teams tech technical technologies technology test testing
    texas text thank thanks that the there they this thursday title to today tool tools
    toronto total trade trading training transportation treatment tuesday union unit united
    university us user users vendor vendors via vice video view visa vision visit volume
    volunteer washington we web website wednesday what when who why with work workday worker
    workers workforce world yes york you your zoom
    above advantage aforementioned anonymous any auditor audit available basic below
    blank booking bookings cafe café chef cleaner click confidential
    detailed details driver drivers duty earliest evening fixed flexible fresh fulltime generalist
    good hat here hotel immediate immediately listed luck maintenance morning multiple
    never night nights nil nobody none not nurse nurses onsite overtime part parttime permanent
    plus previous reader readers reception receptionist restaurant see several shift
    shifts shop shops suitable tba tbc tbd temporary unknown unspecified urgent various visual
    walk-in warehouse weekend weekends welcome
    academic address agencies alternatively bureau caring clinical correspondence cover credit
    ave avenue blvd cyber detail floor global helpdesk info lane letter letters net outlook
    powerpoint rd road smart soft st str submissions word""".split()
)
# The same in German, French, Spanish, Italian and Dutch.
_NO_NAMES_ABROAD = frozenset(
    """abteilung afdeling agence agentur agenzia amt anfragen arbeitgeber ausbildung azienda
    bedrijf behörde betrieb bewerber bewerbung bewerbungen bürgermeister bürgermeisterin büro
    cabinet cher chère clinique comune curriculum cv departamento directeur directora
    directrice direktor direktorin divers durchwahl département empresa entreprise equipe
    equipo fachabteilung filiale firma frau gemeinde geschäftsführung groupe gruppe gruppo
    handy herr herrn hochschule humaines humane humanos hôpital institut jardin jobcenter
    kandidaten klinik klinikum kollege kollegen kollegin kontakt kundenservice la landratsamt
    lavoro le les madame maire mairie mesdames messieurs mobil monsieur notre
    oberbürgermeister organisation partita personalabteilung personalbüro personale
    personalwesen personeelszaken pharmacie presidente präsident président présidente pôle
    reclutamiento recruitmentafdeling recrutement recursos referenz responsable ressources rh
    risorse sede selectie selezione servicio servizio sie sindaco società société stadt
    stadtverwaltung standort succursale tel telefon telefoon teléfono téléphone ufficio umane
    università universität université uns unser unsere unternehmen vacature verein verwaltung
    vitae vous werk werving zentrale zentrum équipe
    amministrativo amministrazione antes aucun autohaus boulangerie boutique cantiere centro
    commerciale commercial comercial coordinatore coordinatrice coordinador coordinadora direttore
    direttrice encargado garage gerente grazie hier ici keiner logistica logistique magasin
    négociant nessuno ninguno nord oben ouest produzione qualità responsabile responsables
    restaurante ristorante salon sales service-center sud tienda transport transporte transports
    unten vélo vélos vendite ventas verkauf vertrieb voir werkstatt
    accueil administración dirección empfang encargada recepcion recepción ricevimento
    réception""".split()
)
# What German puts together of nouns: `Personalabteilung`, `Stadtverwaltung`.
_COMPOUND = re.compile(
    r"\w{3,}(?:abteilung|verwaltung|leitung|schule|krankenhaus|autohaus|rathaus|pflegeheim|wesen|"
    r"büro|team|zentrum|klinik|stelle|gesellschaft|verband|institut|management|referat|dienste?|"
    r"nummer|center)\Z"
)
# Words that cannot go on with a name, so that what stands before them may be one.
_ENDS = frozenset(
    "alternatively and at cell date direct email e-mail fax from if job mobile name now on or "
    "our phone please position ref telephone tel title today we with".split()
)
# What people are called by their work; a name may follow: `Office Manager Jane Doe`.
_ROLES = frozenset(
    "advisor assistant consultant coordinator director executive head lead leader manager officer "
    "partner recruiter representative secretary specialist supervisor".split()
)
# First words that make a name that of an organisation.
_PEOPLES = frozenset(
    "american armenian australian british canadian chinese dutch european georgian german greek "
    "indian iranian irish italian japanese polish russian scottish spanish swedish swiss turkish "
    "ukrainian".split()
)
_TITLES = frozenset(
    "account executive hr lead principal recruiter recruiting senior sr talent technical".split()
)
_HONORIFICS = frozenset(
    "mr mrs ms dr prof frau herr herrn fr hr hrn mme madame monsieur mlle m sra sr srta señor "
    "señora don doña sig sig.ra signor signora dott dott.ssa dr.ssa ing avv de heer mevrouw mevr "
    "mw dhr drs ir med dipl.-ing".split()
)
_NOT_A_PERSON = (
    r"(?:\b(?:[aA]t|About|[jJ]oin) {0}\b|\b{0}(?:['’]s\b|[ ](?:are|has|offers|provides|was|is)\b"
    r"(?![ ](?:your|our|available|happy|the[ ](?:recruiter|contact|hiring)))))"
)
# Occurrences in one posting of a single word and of several; a person is named a few times, a
# company again and again.
_MOST_MENTIONS = (3, 5)


def name_length(phrase: str) -> int:
    """Length of the person's name at the start of a capitalized phrase; 0 if there is none.

    >>> name_length("Jane Doe Technical Recruiter"), name_length("Frau Doe Telefon")
    (8, 8)
    >>> name_length("Example Bikes Group"), name_length("Frau Personalabteilung")
    (0, 0)
    """
    end = n_words = 0
    has_title = False
    for match in re.finditer(r"\S+", phrase):
        word = match[0].rstrip(".,").lower()
        if not n_words and (word in _HONORIFICS or word == "heer"):
            has_title = has_title or word != "de"
            continue
        if match[0][0].islower():
            continue  # a particle, as in `van den Berg`
        if not n_words and word in _PEOPLES:
            return 0
        if len(word) == 1:
            end = match.end()  # an initial
            n_words += 1
            continue
        if word in FUNCTION_WORDS:
            return end if n_words > (0 if has_title else 1) else 0  # `Jane Doe PER CANDIDARSI`
        if word in _NO_NAMES or word in _NO_NAMES_ABROAD or word in _ENDS or _COMPOUND.match(word):
            # `Jane Doe Technical Recruiter` starts with a name, `Example Bikes Group` does not.
            is_over = n_words == 2 and word in _TITLES or word in _ENDS or has_title
            return end if n_words and is_over else 0
        end, n_words = match.end(), n_words + 1
    return 0 if {phrase[:end], phrase[:end].title()} & PLACES else end


def role_length(phrase: str) -> int:
    """Length of a position before a name, with the blank after it; 0 if there is none.

    >>> role_length("Office Manager Jane Doe"), role_length("Jane Doe Manager")
    (15, 0)
    """
    end, is_role = 0, False
    for match in re.finditer(r"(\S+)\s", phrase):
        word = match[1].rstrip(".,").lower()
        if word not in _NO_NAMES:
            break
        end, is_role = match.end(), word in _ROLES
    return end if is_role else 0


def names_no_person(phrase: str, text: str) -> bool:
    """Whether the text speaks of what a phrase names as of a company.

    >>> names_no_person("Example Bikes", "Contact: Example Bikes. Example Bikes is hiring.")
    True
    """
    return text.count(phrase) > _MOST_MENTIONS[" " in phrase] or bool(
        re.search(_NOT_A_PERSON.format(re.escape(phrase)), text)
    )
