//! Words that turn what is said, in English, German, French and Spanish: numbers, denials, contraries; and by which words a
//! language is known.

/// Numbers, in words.
const NUMBERS: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen \
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen \
    half quarter double twice triple once both second third fourth fifth sixth seventh eighth ninth tenth eleventh \
    twelfth single hundreds thousands millions trillion twofold threefold fourfold tenfold \
    null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn \
    fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert \
    tausend million millionen milliarde dutzend halb halbe viertel doppelt zweimal dreimal einmal beide erste zweite dritte \
    ersten zweiten dritten vierte vierten fünfte fünften sechste sechsten siebte siebten achte achten neunte neunten \
    zéro deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante \
    cinquante soixante cent cents mille millions milliard douzaine demi demie moitié quart deux double triple premier première \
    second seconde dizaine vingtaine centaine millier milliers \
    cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho \
    diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil millón millones docena medio \
    media mitad cuarto cuarta doble triple primer primero primera segundo segunda tercer tercero tercera quinto quinta sexto \
    sexta séptimo séptima octavo octava noveno novena décimo décima";

/// What stands in numbers that are written as one word: "einundzwanzig", "dreihundertste", "veintidós", "doscientos".
const IN_NUMBERS: [&str; 15] = [
    "zehn", "zwanzig", "dreißig", "dreissig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig",
    "hundert", "tausend", "veinti", "cientos", "cientas",
];

/// With what they end otherwise: "fifteenth", "twentieth", "cinquième", "quinientos".
const ENDS_OF_NUMBERS: [&str; 6] = ["teenth", "tieth", "ième", "ièmes", "nientos", "nientas"];

/// Denials.
const DENIALS: &str = "no not never none nobody nothing neither nor nowhere without cannot cant dont doesnt didnt isnt arent wasnt \
    werent wont wouldnt shouldnt couldnt hasnt havent hadnt except unless hardly barely \
    nicht kein keine keinen keinem keiner keines nie niemals niemand nichts nirgends weder noch ohne außer kaum nein \
    ne n pas jamais sans aucun aucune rien ni non personne sauf guère nul nulle \
    nunca jamás sin ningún ninguna ninguno nada nadie tampoco excepto salvo apenas";

/// Contraries, which stand where their opposite would. Of two that are opposites one is enough, and the rarer one is here where
/// the other stands in every second sentence.
const CONTRARIES: &str = "before after less least above below over under down out off only increase decrease raise lower \
    higher highest lowest larger smaller largest smallest bigger maximum minimum max min last next previous \
    start stop end close disable disabled forbid forbidden remove sell receive import export old left early late earlier \
    later earliest latest north south east west win lose worst worse bad cold fast false outside illegal \
    unsafe impossible male female man woman mother father today yesterday tomorrow download downloads downloading downloaded \
    decrypt decrypts decrypting decrypted decryption unlock unlocks unlocking unlocked uninstall uninstalls uninstalling \
    uninstalled vor nach weniger über unter ab aus nur hoch niedrig höher niedriger erhöhen \
    senken größer kleiner größte kleinste maximal minimal letzte nächste vorherige aufhören schließen deaktivieren \
    verboten entfernen verkaufen empfangen alt links früher später schlechteste schlechter heute gestern morgen herunter \
    herunterladen entschlüsseln entsperren deinstallieren avant \
    après moins dessus dessous seulement augmenter baisser supérieur inférieur grand petit dernier dernière suivant \
    précédent arrêter fermer désactiver interdit supprimer vendre recevoir ancien gauche pire aujourd'hui hier demain \
    déchiffrer déverrouiller désinstaller \
    antes después menos encima debajo solo sólo aumentar bajar mayor menor máximo mínimo último última siguiente anterior \
    parar cerrar desactivar prohibido quitar vender recibir viejo izquierda peor hoy ayer mañana descargar descifrar \
    desbloquear desinstalar";

/// Words that stand in nearly every sentence of a language, and in few of another.
const LANGUAGES: [(&str, &str); 4] = [
    (
        "en",
        "the is are was were what how who why when where which do does did can could should would of and or my your you it this \
         that for with i we they please tell give",
    ),
    (
        "de",
        "der die das ist sind war was wie wer warum wann wo welche welcher kann können soll und oder mein meine dein ihr sie es \
         dies für mit ich wir bitte den dem ein eine nicht zu im",
    ),
    (
        "fr",
        "le la les est sont était que quoi comment qui pourquoi quand où quel quelle peut puis et ou mon ma mes votre vous il elle \
         ce cette pour avec je nous un une des du dans",
    ),
    (
        "es",
        "el la los las es son era qué cómo quién por cuándo dónde cuál puede puedo y o mi mis tu su usted él ella este esta para \
         con yo nosotros un una del en lo se",
    ),
];

/// Whether a word in small letters stands in nearly every sentence of a language.
pub(super) fn is_common(word: &str) -> bool {
    LANGUAGES.iter().any(|(_, list)| is_in(list, word))
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

/// What a word in small letters turns: the kind, by which two texts are compared.
pub(super) fn turns(word: &str) -> Option<&'static str> {
    let kinds = [("number", NUMBERS), ("denial", DENIALS), ("contrary", CONTRARIES)];
    let listed = kinds.into_iter().find(|(_, list)| is_in(list, word)).map(|(kind, _)| kind);
    listed.or_else(|| is_long_number(word).then_some("number"))
}

/// Whether it is one of the numbers of which there are too many to list. That a few other words look so does no harm.
fn is_long_number(word: &str) -> bool {
    IN_NUMBERS.iter().any(|part| word.contains(*part)) || ENDS_OF_NUMBERS.iter().any(|end| word.ends_with(*end))
}

/// The language of these words, in small letters, by those that stand in nearly every sentence of it; `None` where it is none of
/// the four, or too little stands there to tell.
pub(super) fn language<'a>(words: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut counts = [0_u32; LANGUAGES.len()];
    for word in words {
        for (count, (_, list)) in counts.iter_mut().zip(LANGUAGES) {
            *count += u32::from(is_in(list, word));
        }
    }
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    let mut first = counts.iter().zip(LANGUAGES).filter(|(count, _)| **count == most);
    let (_, (name, _)) = first.next()?;
    first.next().is_none().then_some(name)
}
