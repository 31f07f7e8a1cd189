//! Words that turn what is said, in English, German, French and Spanish: numbers, denials, contraries; and by which words a
//! language is known.

/// Numbers, in words.
const NUMBERS: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen \
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen \
    half quarter double twice triple once both second third fourth fifth single \
    null eins ein eine einen einem einer eines zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn \
    fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend \
    million millionen milliarde dutzend halb halbe viertel doppelt zweimal dreimal einmal beide erste zweite dritte \
    zéro un une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante \
    cinquante soixante cent cents mille millions milliard douzaine demi demie moitié quart deux double triple premier première \
    deuxième troisième \
    cero uno una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho \
    diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil millón millones docena medio \
    media mitad cuarto doble triple primero primera segundo segunda tercero tercera";

/// Denials.
const DENIALS: &str = "no not never none nobody nothing neither nor nowhere without cannot cant dont doesnt didnt isnt arent wasnt \
    werent wont wouldnt shouldnt couldnt hasnt havent hadnt except unless hardly barely \
    nicht kein keine keinen keinem keiner keines nie niemals niemand nichts nirgends weder noch ohne außer kaum nein \
    ne n pas jamais sans aucun aucune rien ni non personne sauf guère nul nulle \
    nunca jamás sin ningún ninguna ninguno nada nadie tampoco excepto salvo apenas";

/// Contraries, which stand where their opposite would.
const CONTRARIES: &str = "before after more less most least above below over under up down in out on off yes always only all any \
    some every each from to into increase decrease raise lower higher highest lowest larger smaller largest smallest bigger \
    maximum minimum max min first last next previous start stop begin end open close enable disable enabled disabled allow forbid \
    allowed forbidden add remove buy sell send receive import export old new young left right early late earlier later earliest \
    latest north south east west win lose best worst better worse good bad hot cold fast slow true false inside outside legal \
    illegal safe unsafe possible impossible with by male female man woman mother father today yesterday tomorrow \
    vor nach mehr weniger über unter auf ab an aus ja immer nur alle jede jeder jedes von zu zum zur hoch niedrig höher niedriger \
    erhöhen senken größer kleiner größte kleinste maximal minimal letzte nächste vorherige anfangen aufhören öffnen schließen \
    aktivieren deaktivieren erlaubt verboten hinzufügen entfernen kaufen verkaufen senden empfangen alt neu links rechts früher \
    später beste schlechteste besser schlechter mit heute gestern morgen \
    avant après plus moins dessus dessous oui toujours seulement tous toutes chaque de à vers augmenter baisser supérieur \
    inférieur plus grand petit dernier dernière suivant précédent commencer arrêter ouvrir fermer activer désactiver autorisé \
    interdit ajouter supprimer acheter vendre envoyer recevoir ancien nouveau gauche droite meilleur pire avec aujourd'hui hier \
    demain \
    antes después más menos encima debajo sí siempre solo sólo todos todas cada desde hasta hacia a aumentar bajar mayor menor \
    máximo mínimo último última siguiente anterior empezar parar abrir cerrar activar desactivar permitido prohibido añadir quitar \
    comprar vender enviar recibir viejo nuevo izquierda derecha mejor peor con hoy ayer mañana";

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

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

/// What a word in small letters turns: the kind, by which two texts are compared.
pub(super) fn turns(word: &str) -> Option<&'static str> {
    let kinds = [("number", NUMBERS), ("denial", DENIALS), ("contrary", CONTRARIES)];
    kinds.into_iter().find(|(_, list)| is_in(list, word)).map(|(kind, _)| kind)
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
