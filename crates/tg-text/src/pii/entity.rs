//! The list of entities: what personal data is looked for, and how sure a finding of each can be.

/// What stands behind a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A check digit or a checksum.
    Digits,
    /// A form that little else has.
    Form,
    /// The numbering plans of all countries.
    Numbering,
    /// A word beside it that says what it is.
    Told,
    /// A trained model: best effort, without promise.
    Guess,
}

/// One row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name for policies and findings: `us-ssn`.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// How it is told from other text.
    pub how: &'static str,
    /// What stands behind a finding.
    pub basis: Basis,
    /// Whether a word that names it has to stand within 40 characters where it is written as bare letters and digits;
    /// some need none in their usual punctuation (`123.456.789-09`).
    pub told: bool,
}

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is described by its entry")]
pub enum Entity {
    Email,
    Phone,
    Card,
    Iban,
    Bic,
    UsRouting,
    BankAccount,
    UkSortCode,
    Ip,
    Mac,
    UrlCredentials,
    Crypto,
    Imei,
    Vin,
    UsSsn,
    UsItin,
    UsEin,
    UsMbi,
    UsNpi,
    UsDea,
    UkNhs,
    UkNino,
    UkUtr,
    CaSin,
    DeTaxId,
    DeIdCard,
    DeSvnr,
    FrNir,
    ItFiscal,
    ItVat,
    EsNif,
    EsNie,
    PtNif,
    NlBsn,
    BeNn,
    PlPesel,
    PlNip,
    SePnr,
    NoFnr,
    DkCpr,
    FiHetu,
    IsKt,
    AtSvnr,
    ChAhv,
    IePps,
    CzRc,
    RoCnp,
    BgEgn,
    GrAfm,
    HrOib,
    SiEmso,
    EeLtCode,
    HuTaj,
    TrTckn,
    BrCpf,
    BrCnpj,
    ArCuit,
    ClRut,
    CoNit,
    MxCurp,
    MxRfc,
    InAadhaar,
    InPan,
    CnId,
    TwId,
    HkId,
    JpMyNumber,
    KrRrn,
    SgNric,
    MyNric,
    IdNik,
    ThId,
    AuTfn,
    AuMedicare,
    AuAbn,
    NzIrd,
    ZaId,
    IlId,
    Passport,
    DrivingLicence,
    BirthDate,
    MedicalRecord,
    Coordinates,
    Person,
    Address,
}

impl Entity {
    /// All of them, in the order of the list.
    pub const ALL: &'static [Self] = &[
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::Bic,
        Self::UsRouting,
        Self::BankAccount,
        Self::UkSortCode,
        Self::Ip,
        Self::Mac,
        Self::UrlCredentials,
        Self::Crypto,
        Self::Imei,
        Self::Vin,
        Self::UsSsn,
        Self::UsItin,
        Self::UsEin,
        Self::UsMbi,
        Self::UsNpi,
        Self::UsDea,
        Self::UkNhs,
        Self::UkNino,
        Self::UkUtr,
        Self::CaSin,
        Self::DeTaxId,
        Self::DeIdCard,
        Self::DeSvnr,
        Self::FrNir,
        Self::ItFiscal,
        Self::ItVat,
        Self::EsNif,
        Self::EsNie,
        Self::PtNif,
        Self::NlBsn,
        Self::BeNn,
        Self::PlPesel,
        Self::PlNip,
        Self::SePnr,
        Self::NoFnr,
        Self::DkCpr,
        Self::FiHetu,
        Self::IsKt,
        Self::AtSvnr,
        Self::ChAhv,
        Self::IePps,
        Self::CzRc,
        Self::RoCnp,
        Self::BgEgn,
        Self::GrAfm,
        Self::HrOib,
        Self::SiEmso,
        Self::EeLtCode,
        Self::HuTaj,
        Self::TrTckn,
        Self::BrCpf,
        Self::BrCnpj,
        Self::ArCuit,
        Self::ClRut,
        Self::CoNit,
        Self::MxCurp,
        Self::MxRfc,
        Self::InAadhaar,
        Self::InPan,
        Self::CnId,
        Self::TwId,
        Self::HkId,
        Self::JpMyNumber,
        Self::KrRrn,
        Self::SgNric,
        Self::MyNric,
        Self::IdNik,
        Self::ThId,
        Self::AuTfn,
        Self::AuMedicare,
        Self::AuAbn,
        Self::NzIrd,
        Self::ZaId,
        Self::IlId,
        Self::Passport,
        Self::DrivingLicence,
        Self::BirthDate,
        Self::MedicalRecord,
        Self::Coordinates,
        Self::Person,
        Self::Address,
    ];

    /// What is known of it.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        ENTRIES.get(self as usize).unwrap_or(&ENTRIES[0])
    }

    /// Its name for policies and findings.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// The entity of a name.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|entity| entity.id() == id)
    }

    /// Its place in a set of entities.
    pub(crate) const fn bit(self) -> u128 {
        1 << self as u8
    }
}

const fn entry(id: &'static str, name: &'static str, how: &'static str, basis: Basis, told: bool) -> Entry {
    Entry { id, name, how, basis, told }
}

#[rustfmt::skip]
const ENTRIES: &[Entry] = &[
    entry("email", "email address", "Mail address (RFC 5321), letters of all scripts", Basis::Form, false),
    entry("phone", "phone number", "Valid by the numbering plan of its country, or shaped like one beside a word that says so", Basis::Numbering, false),
    entry("card", "payment card number", "Issuer range, length and Luhn's formula", Basis::Digits, false),
    entry("iban", "international bank account number", "Length of its country and MOD 97-10 (ISO 13616)", Basis::Digits, false),
    entry("bic", "bank identifier", "ISO 9362 with a country that there is", Basis::Form, true),
    entry("us-bank-routing", "US bank routing number", "ABA check digit and Federal Reserve district", Basis::Digits, true),
    entry("bank-account", "bank account number", "Digits that a word calls an account", Basis::Told, true),
    entry("uk-sort-code", "UK sort code", "Three pairs of digits that a word calls a sort code", Basis::Told, true),
    entry("ip-address", "IP address", "IPv4 and IPv6, but for those that name nobody (loopback, masks)", Basis::Form, false),
    entry("mac-address", "hardware address", "Six octets (IEEE 802)", Basis::Form, false),
    entry("url-credentials", "name and password in a URL", "What stands before `@` in a URL (RFC 3986)", Basis::Form, false),
    entry("crypto-address", "address of a crypto currency", "Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Tron, XRP, Ethereum, Cardano, Bitcoin Cash, Stellar, by their checksums", Basis::Digits, false),
    entry("imei", "device identity", "IMEI: Luhn's formula over 15 digits", Basis::Digits, true),
    entry("vehicle-identity", "vehicle identification number", "ISO 3779 with the check digit of 49 CFR 565", Basis::Digits, true),
    entry("us-ssn", "US social security number", "Areas, groups and serials that may be given out", Basis::Form, false),
    entry("us-itin", "US individual taxpayer number", "9xx with the groups that the IRS gives out", Basis::Form, false),
    entry("us-ein", "US employer identification number", "IRS prefix and seven digits", Basis::Told, true),
    entry("us-mbi", "US Medicare beneficiary identifier", "Form of the CMS: eleven places, each of its own class", Basis::Form, true),
    entry("us-npi", "US national provider identifier", "Luhn's formula with the prefix 80840", Basis::Digits, true),
    entry("us-dea", "US DEA registration number", "Two letters and seven digits with check digit", Basis::Digits, true),
    entry("uk-nhs", "UK NHS number", "Modulus 11", Basis::Digits, true),
    entry("uk-nino", "UK national insurance number", "Prefixes that HMRC gives out, suffix A to D", Basis::Form, false),
    entry("uk-utr", "UK unique taxpayer reference", "Ten digits with check digit", Basis::Digits, true),
    entry("ca-sin", "Canadian social insurance number", "Luhn's formula", Basis::Digits, true),
    entry("de-tax-id", "German tax identification number", "Repetition of digits and MOD 11,10", Basis::Digits, true),
    entry("de-id-card", "German identity card or passport number", "Alphabet of the serial and check digit 7-3-1", Basis::Digits, true),
    entry("de-pension-number", "German pension insurance number", "Area, birth date, letter and check digit", Basis::Digits, false),
    entry("fr-nir", "French social security number", "Structure and key (modulus 97)", Basis::Digits, false),
    entry("it-fiscal-code", "Italian fiscal code", "Structure and check letter", Basis::Digits, false),
    entry("it-vat", "Italian VAT number", "Luhn's formula over 11 digits", Basis::Digits, true),
    entry("es-dni", "Spanish identity number", "DNI: check letter (modulus 23)", Basis::Digits, false),
    entry("es-nie", "Spanish foreigner's number", "NIE: check letter (modulus 23)", Basis::Digits, false),
    entry("pt-nif", "Portuguese tax number", "Modulus 11", Basis::Digits, true),
    entry("nl-bsn", "Dutch citizen service number", "The test of eleven", Basis::Digits, true),
    entry("be-national-number", "Belgian national number", "Birth date and modulus 97", Basis::Digits, true),
    entry("pl-pesel", "Polish PESEL", "Birth date and weighted check digit", Basis::Digits, true),
    entry("pl-nip", "Polish tax number", "Weighted check digit", Basis::Digits, true),
    entry("se-personal-number", "Swedish personal number", "Birth date and Luhn's formula", Basis::Digits, true),
    entry("no-birth-number", "Norwegian birth number", "Birth date and two check digits", Basis::Digits, true),
    entry("dk-cpr", "Danish CPR number", "Birth date with its century", Basis::Form, true),
    entry("fi-hetu", "Finnish personal identity code", "Birth date and check character (modulus 31)", Basis::Digits, false),
    entry("is-kennitala", "Icelandic identity number", "Birth date and check digit", Basis::Digits, true),
    entry("at-svnr", "Austrian social insurance number", "Birth date and check digit", Basis::Digits, true),
    entry("ch-ahv", "Swiss AHV number", "756 and the check digit of EAN-13", Basis::Digits, true),
    entry("ie-pps", "Irish PPS number", "Check letter (modulus 23)", Basis::Digits, true),
    entry("cz-sk-birth-number", "Czech or Slovak birth number", "Birth date and modulus 11", Basis::Digits, true),
    entry("ro-cnp", "Romanian CNP", "Birth date, county and check digit", Basis::Digits, true),
    entry("bg-egn", "Bulgarian EGN", "Birth date and weighted check digit", Basis::Digits, true),
    entry("gr-afm", "Greek tax number", "Powers of two, modulus 11", Basis::Digits, true),
    entry("hr-oib", "Croatian OIB", "MOD 11,10", Basis::Digits, true),
    entry("yu-jmbg", "Personal number of the countries of former Yugoslavia", "JMBG or EMSO: birth date and modulus 11", Basis::Digits, true),
    entry("ee-lt-personal-code", "Estonian or Lithuanian personal code", "Birth date and two-step modulus 11", Basis::Digits, true),
    entry("hu-taj", "Hungarian social security number", "TAJ: weighted check digit", Basis::Digits, true),
    entry("tr-tckn", "Turkish identity number", "Two check digits", Basis::Digits, true),
    entry("br-cpf", "Brazilian CPF", "Two check digits (modulus 11)", Basis::Digits, true),
    entry("br-cnpj", "Brazilian CNPJ", "Two check digits (modulus 11)", Basis::Digits, true),
    entry("ar-cuit", "Argentine CUIT or CUIL", "Type and modulus 11", Basis::Digits, true),
    entry("cl-rut", "Chilean RUT", "Check character (modulus 11)", Basis::Digits, true),
    entry("co-nit", "Colombian NIT", "Weighted check digit", Basis::Digits, true),
    entry("mx-curp", "Mexican CURP", "Structure, date, state and check digit", Basis::Digits, false),
    entry("mx-rfc", "Mexican RFC", "Structure, date and check character", Basis::Digits, false),
    entry("in-aadhaar", "Indian Aadhaar number", "Verhoeff's formula", Basis::Digits, true),
    entry("in-pan", "Indian PAN", "Five letters with the holder's kind, four digits, a letter", Basis::Form, false),
    entry("cn-resident-id", "Chinese resident identity number", "Province, birth date and MOD 11-2", Basis::Digits, false),
    entry("tw-national-id", "Taiwanese identity number", "Letter and weighted check digit", Basis::Digits, false),
    entry("hk-identity-card", "Hong Kong identity card number", "Letters, six digits and check character", Basis::Digits, true),
    entry("jp-my-number", "Japanese My Number", "Weighted check digit (modulus 11)", Basis::Digits, true),
    entry("kr-rrn", "Korean resident registration number", "Birth date and sex digit", Basis::Form, true),
    entry("sg-nric", "Singaporean NRIC or FIN", "Check letter", Basis::Digits, false),
    entry("my-nric", "Malaysian MyKad number", "Birth date and place", Basis::Form, true),
    entry("id-nik", "Indonesian NIK", "Province and birth date", Basis::Form, true),
    entry("th-national-id", "Thai identity number", "Modulus 11", Basis::Digits, true),
    entry("au-tfn", "Australian tax file number", "Modulus 11", Basis::Digits, true),
    entry("au-medicare", "Australian Medicare number", "Weighted check digit", Basis::Digits, true),
    entry("au-abn", "Australian business number", "Modulus 89", Basis::Digits, true),
    entry("nz-ird", "New Zealand IRD number", "Modulus 11 with two sets of weights", Basis::Digits, true),
    entry("za-id", "South African identity number", "Birth date and Luhn's formula", Basis::Digits, true),
    entry("il-id", "Israeli identity number", "Luhn's formula over nine digits", Basis::Digits, true),
    entry("passport", "passport number", "Letters and digits that a word calls a passport", Basis::Told, true),
    entry("driving-licence", "driving licence number", "Letters and digits that words call a driving licence", Basis::Told, true),
    entry("birth-date", "date of birth", "A date beside a word for birth", Basis::Told, true),
    entry("medical-record", "medical record number", "Digits that words call a medical record or a patient", Basis::Told, true),
    entry("coordinates", "geographic coordinates", "Latitude and longitude with four decimals or more", Basis::Form, false),
    entry("person", "name of a person", "Best effort: a small trained model over words, case and lists of names", Basis::Guess, false),
    entry("address", "postal address", "Best effort: a small trained model over words, case and numbers", Basis::Guess, false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entity_has_its_entry_and_its_bit() {
        assert_eq!(Entity::ALL.len(), ENTRIES.len());
        assert!(ENTRIES.len() <= 128);
        for (place, entity) in Entity::ALL.iter().enumerate() {
            assert_eq!(*entity as usize, place);
            assert_eq!(Entity::named(entity.id()), Some(*entity));
        }
        assert_eq!(Entity::Person.id(), "person");
        assert_eq!(Entity::SgNric.id(), "sg-nric");
        assert_eq!(Entity::ChAhv.id(), "ch-ahv");
    }
}
