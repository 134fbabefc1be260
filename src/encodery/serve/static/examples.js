// Texts to begin with, for each task in several languages. MASK stands for the mask token of the model.

export const MASK = "\u0000mask\u0000";

const one = (name, lang, record) => ({ name, lang, record });

export const EXAMPLES = {
  "token-classification": [
    one("English", "en", {
      text: "In March 1921 Selma Brandt left Riga for Lisbon, where she ran the Aurora observatory until the Red Cross asked for her in Geneva.",
    }),
    one("Deutsch", "de", {
      text: "Die Malerin Johanna Weiß aus Görlitz stellt ab Mai im Museum Folkwang in Essen aus, gefördert von der Stiftung Ruhrkohle.",
    }),
    one("Español", "es", {
      text: "La ingeniera Inés Robledo trabaja en Valparaíso para la Universidad de Chile y viaja cada mes a Buenos Aires.",
    }),
    one("العربية", "ar", { text: "سافرت ليلى حداد من دمشق إلى الرباط لتعمل في جامعة محمد الخامس." }),
    one("हिन्दी", "hi", { text: "मीरा जोशी पुणे से दिल्ली गईं और वहाँ भारतीय रेल में काम करने लगीं।" }),
    one("中文", "zh", { text: "林晓梅从成都来到上海,在复旦大学教书,周末常去杭州看望父母。" }),
    one("Emoji", "en", { text: "👩🏽‍🚀 Mae Okafor 🚀 flew from Nairobi 🇰🇪 to Oslo 🇳🇴 for the Nordic Space Agency." }),
  ],
  "text-classification": [
    one("English", "en", { text: "The repair took ten minutes and the bike has run like new ever since." }),
    one("Deutsch", "de", { text: "Drei Wochen Wartezeit, und dann fehlte die Hälfte der Schrauben." }),
    one("Français", "fr", { text: "Le pain est bon, l'accueil charmant, mais il faut arriver tôt." }),
    one("Türkçe", "tr", { text: "Kargo zamanında geldi ama kutu ezilmişti." }),
    one("Русский", "ru", { text: "Поезд пришёл вовремя, в вагоне было чисто и тихо." }),
    one("日本語", "ja", { text: "説明は丁寧でしたが、値段が少し高いと思います。" }),
    one("A pair", "en", {
      text: "A woman is tuning a cello on an empty stage.",
      text_pair: "Someone is preparing to play music.",
    }),
  ],
  "question-answering": [
    one("English", "en", {
      question: "When was the bridge opened?",
      context:
        "The old ferry across the Tarn was slow and stopped in winter. After six years of work the stone bridge was opened in 1874, and the ferryman became its first toll keeper.",
    }),
    one("Deutsch", "de", {
      question: "Wovon lebt der Leuchtturmwärter?",
      context:
        "Auf der Insel wohnen elf Menschen. Der Leuchtturmwärter hütet nebenbei vierzig Schafe und lebt vom Verkauf der Wolle.",
    }),
    one("Español", "es", {
      question: "¿Quién diseñó el jardín?",
      context:
        "El jardín del convento tiene una fuente y doce naranjos. Lo diseñó la arquitecta Pilar Unzueta en 1932.",
    }),
    one("العربية", "ar", {
      question: "أين تعلمت سلمى الخط؟",
      context: "ولدت سلمى في حلب، ثم تعلمت الخط في إسطنبول على يد معلم عجوز، وعادت بعد عشر سنوات.",
    }),
    one("中文", "zh", {
      question: "茶馆什么时候关门?",
      context: "河边的老茶馆每天早上六点开门,晚上九点关门,下雨天客人最多。",
    }),
    one("No answer", "en", {
      question: "How deep is the lake?",
      context: "The lake lies between two ridges and is known for its pike. In summer there are boats for hire.",
    }),
  ],
  "fill-mask": [
    one("English", "en", { text: `The baker opened the ${MASK} before sunrise.` }),
    one("Deutsch", "de", { text: `Im Herbst fallen die ${MASK} von den Bäumen.` }),
    one("Français", "fr", { text: `Elle a appris à jouer du ${MASK} à l'âge de six ans.` }),
    one("Tiếng Việt", "vi", { text: `Hà Nội là thủ đô của ${MASK}.` }),
    one("العربية", "ar", { text: `تشرق ${MASK} من الشرق.` }),
    one("中文", "zh", { text: `春天来了,花园里的${MASK}开了。` }),
  ],
  "feature-extraction": [
    one("Paraphrases", "en", {
      texts: [
        "A dog sleeps on the sofa.",
        "A puppy is napping on the couch.",
        "The parliament voted on the budget.",
        "Lawmakers passed the spending plan.",
        "It will rain in the mountains tomorrow.",
      ],
    }),
    one("Languages", "en", {
      texts: [
        "Where is the nearest station?",
        "Wo ist der nächste Bahnhof?",
        "¿Dónde está la estación más cercana?",
        "最近的车站在哪里?",
        "This soup needs salt.",
        "Dieser Suppe fehlt Salz.",
      ],
    }),
    one("One text", "en", { texts: ["A single text is one vector."] }),
  ],
  translation: [
    one("English", "en", { text: "Two children are playing with a dog on the beach." }),
    one("Deutsch", "de", { text: "Ein Mann in einem roten Hemd repariert ein Fahrrad." }),
    one("Français", "fr", { text: "Une femme lit un livre près de la fenêtre." }),
  ],
  "multiple-choice": [
    one("English", "en", {
      text: "She put the kettle on and waited for it to",
      choices: ["boil.", "sing a song.", "read the paper.", "close the window."],
    }),
    one("Deutsch", "de", {
      text: "Weil es regnete, nahm er",
      choices: ["den Schirm mit.", "den Mond weg.", "die Suppe auf."],
    }),
  ],
};
