//! Words that say what a number is, in the languages of the countries that use it, and where they stand in a text.

use super::entity::Entity;
use crate::lookup::Lookup;
use std::sync::OnceLock;

/// How far before a number a word may stand to speak of it.
const BEFORE: usize = 40;
/// How far behind it.
const BEHIND: usize = 24;
/// The longest word in the list is shorter.
const WORD_MAX: usize = 80;

/// How much more than was asked for is read at once, so that what is read twice (a word may be torn) is little.
const AHEAD: usize = 512;

/// A set of things that words speak of: the bits of entities, and those below.
pub(super) type Cues = u128;

/// Any national or personal identity number.
pub(super) const ANY_ID: Cues = 1 << 120;
/// Any tax number.
pub(super) const ANY_TAX: Cues = 1 << 121;
/// Any social or health insurance number.
pub(super) const ANY_INSURANCE: Cues = 1 << 122;
/// Speaks of phones, but of much else, too.
pub(super) const CALL: Cues = 1 << 123;
/// Numbers of software, orders and books, which look like others.
pub(super) const VERSION: Cues = 1 << 124;
/// Parts of buildings, whose numbers look like others.
pub(super) const HOUSE: Cues = 1 << 125;

type Row = (Cues, &'static [&'static str]);

const fn e(entity: Entity) -> Cues {
    entity.bit()
}

#[rustfmt::skip]
const WORDS: &[Row] = &[
    (ANY_ID, &["national id", "national identity", "identity number", "id number", "id no", "identity card", "id card", "personal number", "personal id", "citizen id", "identification number", "national number", "government id"]),
    (ANY_TAX, &["tax id", "tax number", "tax identification", "taxpayer", "tin", "tax no", "tax file", "vat", "vat number"]),
    (ANY_INSURANCE, &["social security", "insurance number", "health insurance", "social insurance", "insurance no"]),
    (e(Entity::Phone), &["phone", "phones", "telephone", "telephones", "tel", "tel.", "mobile", "mobiles", "cell", "cellphone", "fax", "call me", "call us", "call him", "call her", "text me", "sms", "whatsapp", "hotline", "landline", "dial", "handynummer", "telefon", "telefonnummer", "rufnummer", "mobil", "téléphone", "telephone portable", "teléfono", "telefono", "móvil", "movil", "celular", "telefone", "telemóvel", "cellulare", "telefoon", "telefoonnummer", "puhelin", "puhelinnumero", "телефон", "Телефон", "телефона", "тел", "мобильный", "τηλέφωνο", "电话", "電話", "手机", "手機", "携帯", "전화", "휴대폰", "연락처", "هاتف", "جوال", "फ़ोन", "मोबाइल", "טלפון"]),
    (CALL, &["call", "called", "calling", "reach", "contact", "answering", "ring", "number", "number is", "numbers", "office", "extension", "ext", "voicemail", "nummer", "numéro", "número", "numero", "numer", "номер", "anrufen", "ruf", "llámame", "llame", "appeler", "appelez", "ligue", "ligar", "chiamare", "chiama", "bel", "ring"]),
    (e(Entity::Card), &["card", "cards", "credit", "debit", "visa", "mastercard", "amex", "american express", "cc", "kreditkarte", "karte", "carte", "tarjeta", "cartão", "carta", "kaart", "kort", "karta", "карта", "карты", "カード", "信用卡", "카드"]),
    (e(Entity::Bic), &["bic", "swift", "bic/swift", "swift/bic", "swift code"]),
    (e(Entity::UsRouting), &["routing", "aba", "routing number", "rtn", "transit number"]),
    (e(Entity::BankAccount), &["account", "account number", "acct", "account no", "bank account", "a/c", "kontonummer", "konto", "compte", "cuenta", "conta", "conto", "rekening", "rekeningnummer", "счет", "счёт", "账号", "帳號", "口座", "계좌"]),
    (e(Entity::UkSortCode), &["sort code", "sort-code", "sortcode"]),
    (e(Entity::Ip), &["ip", "ipv4", "ipv6", "ip address", "host", "server", "dns", "ping", "gateway", "subnet", "router", "addr", "address"]),
    (e(Entity::Crypto), &["wallet", "bitcoin", "btc", "ethereum", "eth", "crypto"]),
    (e(Entity::Imei), &["imei", "device id"]),
    (e(Entity::Vin), &["vin", "vehicle", "chassis", "fahrgestellnummer", "fin", "chasis", "châssis", "car"]),
    (e(Entity::UsSsn), &["ssn", "ssns", "social security", "ss#", "ss #", "social sec", "social", "socials"]),
    (e(Entity::UsItin), &["itin", "individual taxpayer", "taxpayer id"]),
    (e(Entity::UsEin), &["ein", "fein", "employer identification", "employer id", "federal tax id"]),
    (e(Entity::UsMbi), &["mbi", "medicare", "beneficiary"]),
    (e(Entity::UsNpi), &["npi", "national provider", "provider number"]),
    (e(Entity::UsDea), &["dea", "dea number", "prescriber"]),
    (e(Entity::UkNhs), &["nhs", "nhs number", "patient"]),
    (e(Entity::UkNino), &["nino", "national insurance", "ni number", "ni no"]),
    (e(Entity::UkUtr), &["utr", "unique taxpayer", "self assessment"]),
    (e(Entity::CaSin), &["sin", "sin number", "social insurance", "numéro d'assurance sociale", "nas", "assurance sociale"]),
    (e(Entity::DeTaxId), &["steuer-id", "steuerid", "steueridentifikationsnummer", "steuernummer", "idnr", "identifikationsnummer", "steuerliche identifikationsnummer", "steuer-identifikationsnummer", "tin"]),
    (e(Entity::DeIdCard), &["personalausweis", "ausweis", "ausweisnummer", "personalausweisnummer", "reisepass", "passnummer", "perso"]),
    (e(Entity::DeSvnr), &["rentenversicherung", "rentenversicherungsnummer", "sozialversicherungsnummer", "versicherungsnummer", "sv-nummer"]),
    (e(Entity::FrNir), &["nir", "sécurité sociale", "securite sociale", "numéro de sécu", "insee", "carte vitale"]),
    (e(Entity::ItFiscal), &["codice fiscale", "cod. fisc", "c.f."]),
    (e(Entity::ItVat), &["partita iva", "p.iva", "p. iva", "piva"]),
    (e(Entity::EsNif) | e(Entity::EsNie), &["dni", "nif", "nie", "documento nacional"]),
    (e(Entity::PtNif), &["nif", "contribuinte", "número de contribuinte", "numero de contribuinte"]),
    (e(Entity::NlBsn), &["bsn", "burgerservicenummer", "sofinummer", "sofi"]),
    (e(Entity::BeNn), &["rijksregisternummer", "rijksregister", "registre national", "numéro national", "nn", "insz", "niss", "nationaal nummer"]),
    (e(Entity::PlPesel), &["pesel", "numer pesel"]),
    (e(Entity::PlNip), &["nip", "numer nip"]),
    (e(Entity::SePnr), &["personnummer", "samordningsnummer", "pnr", "org.nr", "organisationsnummer"]),
    (e(Entity::NoFnr), &["fødselsnummer", "fodselsnummer", "fnr", "d-nummer", "personnummer"]),
    (e(Entity::DkCpr), &["cpr", "cpr-nummer", "cpr-nr", "personnummer", "cpr nummer"]),
    (e(Entity::FiHetu), &["hetu", "henkilötunnus", "personbeteckning"]),
    (e(Entity::IsKt), &["kennitala", "kt.", "kt"]),
    (e(Entity::AtSvnr), &["sozialversicherungsnummer", "svnr", "sv-nummer", "versicherungsnummer", "sv-nr"]),
    (e(Entity::ChAhv), &["ahv", "avs", "ahv-nummer", "oasi", "numéro avs"]),
    (e(Entity::IePps), &["pps", "ppsn", "pps number", "pps no"]),
    (e(Entity::CzRc), &["rodné číslo", "rodne cislo", "rodné", "r.č.", "rč"]),
    (e(Entity::RoCnp), &["cnp", "cod numeric personal"]),
    (e(Entity::BgEgn), &["егн", "ЕГН", "egn"]),
    (e(Entity::GrAfm), &["αφμ", "ΑΦΜ", "α.φ.μ.", "Α.Φ.Μ.", "afm"]),
    (e(Entity::HrOib), &["oib", "osobni identifikacijski broj"]),
    (e(Entity::SiEmso), &["jmbg", "emšo", "ЈМБГ", "emso", "jmb", "јмбг", "матични"]),
    (e(Entity::EeLtCode), &["isikukood", "asmens kodas", "isikukoodi"]),
    (e(Entity::HuTaj), &["taj", "tajszám", "taj szám", "társadalombiztosítási"]),
    (e(Entity::TrTckn), &["tckn", "tc kimlik", "t.c. kimlik", "kimlik no", "kimlik numarası", "kimlik"]),
    (e(Entity::BrCpf), &["cpf"]),
    (e(Entity::BrCnpj), &["cnpj"]),
    (e(Entity::ArCuit), &["cuit", "cuil"]),
    (e(Entity::ClRut), &["rut", "run"]),
    (e(Entity::CoNit), &["nit"]),
    (e(Entity::MxCurp), &["curp"]),
    (e(Entity::MxRfc), &["rfc"]),
    (e(Entity::InAadhaar), &["aadhaar", "aadhar", "adhaar", "uidai", "uid", "आधार"]),
    (e(Entity::InPan), &["pan", "pan card", "pan number", "permanent account"]),
    (e(Entity::CnId), &["身份证", "身份证号", "居民身份证", "公民身份"]),
    (e(Entity::TwId), &["身分證", "身分證字號"]),
    (e(Entity::HkId), &["hkid", "hong kong id", "香港身份證", "身份證"]),
    (e(Entity::JpMyNumber), &["マイナンバー", "個人番号", "my number", "mynumber", "individual number"]),
    (e(Entity::KrRrn), &["주민등록번호", "주민번호", "resident registration", "rrn", "외국인등록번호"]),
    (e(Entity::SgNric), &["nric", "fin"]),
    (e(Entity::MyNric), &["mykad", "nric", "kad pengenalan", "no. kp", "ic number", "ic no"]),
    (e(Entity::IdNik), &["nik", "ktp", "nomor induk kependudukan", "e-ktp"]),
    (e(Entity::ThId), &["บัตรประชาชน", "เลขประจำตัวประชาชน", "thai id"]),
    (e(Entity::AuTfn), &["tfn", "tax file number", "tax file"]),
    (e(Entity::AuMedicare), &["medicare", "medicare number"]),
    (e(Entity::AuAbn), &["abn", "australian business", "acn"]),
    (e(Entity::NzIrd), &["ird", "ird number", "inland revenue"]),
    (e(Entity::ZaId), &["rsa id", "sa id", "south african id", "id nommer", "id-nommer"]),
    (e(Entity::IlId), &["teudat zehut", "תעודת זהות", "ת.ז", "ת\"ז", "israeli id"]),
    (e(Entity::Passport), &["passport", "passport number", "passport no", "reisepass", "passnummer", "passeport", "pasaporte", "passaporto", "passaporte", "paspoort", "paszport", "паспорт", "Паспорт", "паспорта", "护照", "護照", "パスポート", "旅券", "여권", "جواز"]),
    (e(Entity::DrivingLicence), &["driver's license", "drivers license", "driver license", "driver's licence", "driving licence", "driving license", "driver licence", "licence number", "license number", "license no", "dl number", "dl no", "führerschein", "führerscheinnummer", "permis de conduire", "permiso de conducir", "licencia de conducir", "patente di guida", "carta de condução", "cnh", "rijbewijs", "prawo jazdy", "водительское", "驾驶证", "運転免許", "운전면허"]),
    (e(Entity::BirthDate), &["born", "birth", "birthday", "birthdate", "dob", "d.o.b", "date of birth", "born on", "geboren", "geburtsdatum", "geb.", "geburtstag", "né le", "née le", "date de naissance", "naissance", "nacido", "nacida", "nacimiento", "nato il", "nata il", "nascita", "nascido", "nascida", "nascimento", "geboortedatum", "født", "född", "födelsedatum", "fødselsdato", "syntynyt", "urodzony", "urodzona", "urodzenia", "doğum", "родился", "родилась", "рождения", "narozen", "născut", "γεννήθηκε", "出生", "生年月日", "생년월일", "생일"]),
    (e(Entity::MedicalRecord), &["medical record", "mrn", "patient id", "patient number", "patient no", "medical record number", "chart number", "hospital number", "health record", "patientennummer", "fallnummer", "krankenakte", "numéro de dossier", "historia clínica", "prontuário", "cartella clinica"]),
    (e(Entity::Coordinates), &["latitude", "longitude", "lat", "lon", "lng", "coordinates", "gps", "location"]),
    (HOUSE, &["suite", "apt", "apt.", "unit", "room", "floor", "box"]),
    (VERSION, &["version", "versions", "v", "ver", "release", "section", "chapter", "rev", "revision", "build", "isbn", "issn", "oid", "clause", "article", "firmware", "dotnet", "assembly"]),
];

/// Where words of the list stand in one text, found as far as one asks.
pub(super) struct CueFinder<'t> {
    text: &'t [u8],
    /// How far the text was read, and the words that end before.
    read: usize,
    hits: Vec<Hit>,
}

struct Hit {
    start: usize,
    end: usize,
    cues: Cues,
}

impl<'t> CueFinder<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), read: 0, hits: Vec::new() }
    }

    /// What the words near a stretch speak of.
    pub(super) fn near(&mut self, start: usize, end: usize) -> Cues {
        self.read_to(start, end + BEHIND);
        let (from, to) = (start.saturating_sub(BEFORE), end + BEHIND);
        let late = self.hits.iter().rev().take_while(|hit| hit.end > from);
        late.filter(|hit| (hit.end <= start || hit.start >= end) && hit.end <= to).fold(0, |all, hit| all | hit.cues)
    }

    /// What the words before a stretch speak of.
    pub(super) fn before(&mut self, start: usize) -> Cues {
        self.read_to(start, start);
        let from = start.saturating_sub(BEFORE);
        let late = self.hits.iter().rev().take_while(|hit| hit.end > from);
        late.filter(|hit| hit.end <= start).fold(0, |all, hit| all | hit.cues)
    }

    /// What any word speaks of that can be near or before anything in a stretch. Where it is nothing, nothing else need be
    /// asked.
    pub(super) fn within(&mut self, start: usize, end: usize) -> Cues {
        self.read_to(start, end + BEHIND);
        let (from, to) = (start.saturating_sub(2 * BEFORE), end + BEHIND);
        let late = self.hits.iter().rev().take_while(|hit| hit.end > from);
        late.filter(|hit| hit.start < to).fold(0, |all, hit| all | hit.cues)
    }

    /// Reads on to an offset; what lies too far before the stretch is left out.
    fn read_to(&mut self, start: usize, end: usize) {
        let end = end.min(self.text.len());
        if end <= self.read {
            return;
        }
        let end = (end + AHEAD).min(self.text.len());
        // A word may be torn where the last reading ended.
        let from = self.read.saturating_sub(WORD_MAX).max(start.saturating_sub(BEFORE + WORD_MAX));
        let (known, words) = (self.read, words());
        let Some(stretch) = self.text.get(..end) else { return };
        words.each(stretch, from, |at, behind, cues| {
            if behind > known && whole(self.text, at, behind) {
                self.hits.push(Hit { start: at, end: behind, cues });
                // In order of their ends.
                let mut place = self.hits.len() - 1;
                while place > 0 && self.hits.get(place - 1).is_some_and(|before| before.end > behind) {
                    self.hits.swap(place - 1, place);
                    place -= 1;
                }
            }
        });
        self.read = end;
    }
}

/// All words and what each speaks of.
struct Words {
    lookup: Lookup,
    cues: Vec<Cues>,
    /// What each byte is to a place where a word may begin: what it asks of the byte before it, any of which will do, and, so many
    /// bits above, what it is to the byte behind it.
    bytes: [u8; 256],
}

/// No part of a word stands before it; a small letter does, as before a hump; or anything at all, where a script has no spaces.
const APART: u8 = 1;
const SMALL: u8 = 2;
const ANYTHING: u8 = 4;
const BEHIND_BITS: u32 = 4;

impl Words {
    fn new() -> Self {
        let all = || WORDS.iter().flat_map(|(cues, words)| words.iter().map(move |word| (*word, *cues)));
        let mut bytes = [0; 256];
        for (slot, byte) in bytes.iter_mut().zip(0..=0xff_u8) {
            let kind = |is: bool, kind: u8| if is { kind } else { 0 };
            let begins = all().any(|(word, _)| word.bytes().next().is_some_and(|b| b.eq_ignore_ascii_case(&byte)));
            let asks = APART | kind(byte.is_ascii_uppercase(), SMALL) | kind(byte >= 0xe0, ANYTHING);
            let is = kind(!is_word(byte), APART) | kind(byte.is_ascii_lowercase(), SMALL) | ANYTHING;
            *slot = kind(begins, asks) | is << BEHIND_BITS;
        }
        let cues = all().map(|(_, cues)| cues).collect();
        Self { lookup: Lookup::new(all().map(|(word, _)| word)), cues, bytes }
    }

    /// Words that begin at an offset or behind it, where what stands before leaves room for one: where each begins and ends,
    /// and what it speaks of.
    fn each(&self, text: &[u8], from: usize, mut tell: impl FnMut(usize, usize, Cues)) {
        let kind = |byte: &u8| self.bytes.get(usize::from(*byte)).copied().unwrap_or(0);
        let mut before = from.checked_sub(1).and_then(|at| text.get(at)).map_or(APART << BEHIND_BITS, kind);
        let mut start = from;
        for some in text.get(from..).unwrap_or_default().chunks(64) {
            // Where words may begin, a bit each: a branch at each byte would be guessed wrong at most words.
            let mut begin = 0_u64;
            for (place, byte) in some.iter().enumerate() {
                let this = kind(byte);
                begin |= u64::from(before >> BEHIND_BITS & this != 0) << place;
                before = this;
            }
            while begin != 0 {
                let at = start + begin.trailing_zeros() as usize;
                begin &= begin - 1;
                self.lookup.at(text, at, |end, index| tell(at, end, self.cues.get(index).copied().unwrap_or(0)));
            }
            start += some.len();
        }
    }
}

fn words() -> &'static Words {
    static WORDS_READY: OnceLock<Words> = OnceLock::new();
    WORDS_READY.get_or_init(Words::new)
}

/// Whether a word stands for itself: no letter or digit joins it, but for the hump of `phoneNumber`. Scripts without
/// spaces need no such place.
fn whole(text: &[u8], start: usize, end: usize) -> bool {
    let at = |index: usize| text.get(index).copied().unwrap_or(b' ');
    let (first, last) = (at(start), at(end.saturating_sub(1)));
    if first >= 0xe0 {
        return true;
    }
    let before = start.checked_sub(1).map_or(b' ', at);
    let after = at(end);
    let joined_before = is_word(before) && !(before.is_ascii_lowercase() && first.is_ascii_uppercase());
    let joined_after =
        is_word(after) && !after.is_ascii_digit() && !(last.is_ascii_lowercase() && after.is_ascii_uppercase());
    !(joined_before || joined_after && is_word(last))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_near_a_place_and_only_once() {
        let text = "The hotel has a phone: 12345, its userPhone and SSN";
        let mut cues = CueFinder::new(text);
        let at = text.find("12345").unwrap();
        assert_ne!(cues.near(at, at + 5) & Entity::Phone.bit(), 0);
        assert_eq!(cues.before(at) & Entity::UsSsn.bit(), 0);
        let mut hotel = CueFinder::new("a hotel 12345");
        assert_eq!(hotel.near(8, 13) & Entity::Phone.bit(), 0);
        let mut far = CueFinder::new(text);
        assert_eq!(far.near(text.len(), text.len()) & Entity::UsSsn.bit(), Entity::UsSsn.bit());
        assert!(WORDS.iter().flat_map(|(_, words)| words.iter()).all(|word| word.len() < WORD_MAX));
    }

    #[test]
    fn scripts_without_spaces_need_none() {
        let text = "我的电话是13800138000";
        let mut cues = CueFinder::new(text);
        let at = text.find("138").unwrap();
        assert_ne!(cues.near(at, text.len()) & Entity::Phone.bit(), 0);
    }
}
