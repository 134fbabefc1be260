"""Text in many scripts (sentences of the Universal Declaration of Human Rights), and what is hard in each."""

from hypothesis import strategies as st

SENTENCES = (
    "Whereas a common understanding of these rights and freedoms is of the greatest importance for this pledge,",
    "Considérant qu’une conception commune de ces droits et libertés est de la plus haute importance,",
    "Các nước thành viên đã cam kết, cùng với tổ chức Liên Hợp Quốc, phấn đấu thúc đẩy mọi người tôn trọng.",
    "принимая во внимание, что государства-члены обязались содействовать, в сотрудничестве с Организацией;",
    "ولما كان للإدراك العام لهذه الحقوق والحريات الأهمية الكبرى للوفاء التام بهذا التعهد.",
    "כדי שכל יחיד וכל גוף חברתי ישווה תמיד לנגד עיניו וישאף לטפח, דרך לימוד וחינוך,",
    "चूंकि सदस्य देशों ने यह प्रतिज्ञा को है कि वे संयुक्त राष्ट्रों के सहयोग से मानव अधिकारों और बुनियादी आज़ादियों",
    "ปฏิญญาสากลว่าด้วยสิทธิมนุษยชนนี้ เป็นมาตรฐานร่วมกันแห่งความสำเร็จสำหรับบรรดาประชากรและประชาชาติทั้งหลาย",
    "社会の各個人及び各機関が、この世界人権宣言を常に念頭に置きながら、加盟国自身の人民の間にも、また、",
    "鉴于各会员国业已誓愿同联合国合作以促进对人权和基本自由的普遍尊重和遵行,",
    "더 나아가 개인이 속한 국가 또는 영토가 독립국, 신탁통치지역, 비자치지역이거나",
    "እያንዳንዱ፡ሰው፡በመብቶቹና፡በግዴታዎቹ፡አፈጻጸም፡እንዲሁም፡በሚከሰስበት፡ማንኛውም፡ዓይነት፡የወንጀል፡ክስ፡",
    "இச்சூளுறுதியைப் பரிபூரணமாக நடைமுறைப்படுத்துவதற்கு, இவ்வுரிமைகள் சுதந்திரங்கள் பற்றிய",
    "ვინაიდან ასეთ უფლებათა და თავისუფლებათა საყოველთაო გაგებას უდიდესი მნიშვნელობა აქვს",
    "Քանզի մարդկային ընտանիքի բոլոր անդամներին ներհատուկ արժանապատվությունը և հավասար",
)
HARD = (
    *("ﬁ", "ﬃ", "Ａ", "ｶﾞ", "…", "½", "①", "㌔", "ﷺ", "™", "㍿", "ª"),  # one character becomes others
    *("e\u0301", "a\u0303", "p\u0303", "и\u0306", "\u0301", "a\u0323\u0302", "가", "각", "ঘো", "\u1112\u1161\u11ab"),
    *("😀", "👩🏽", "👨\u200d👩\u200d👧", "🇰🇪", "❤\ufe0f", "1\ufe0f\u20e3", "\U000e0067"),
    *(
        "\u200b",
        "\u200e",
        "\ufeff",
        "\u00ad",
        "\x00",
        "\x1f",
        "\x7f",
        "\u2028",
        "\u3000",
        "\u00a0",
        "\t",
        "\n",
        "\r\n",
    ),
    *("\u0600", "\ud7ff", "\ufffd", "\U0010ffff", "▁", "Ġ", "</w>", "<mask>", " <mask>", "</s>", "<unk>", "<s"),
    *(
        "，",
        "。 ",
        "「",
        "」",
        "～",
        "％",
        "１",
        "’",
        "“",
        "„",
        "«",
        "»",
        "–",
        "…",
        "′",
        "ş",
        "Ţ",
        "ă",
        "İ",
        "ß",
        "ǅ",
    ),
    *(
        " ",
        "  ",
        "a",
        "the",
        "don't",
        "'s",
        "!",
        "漢字",
        "あ",
        "ア",
        "الله",
        "אב",
        "ไทย",
        "अ",
        "क्ष",
        "12,5",
        "http://a.b",
    ),
)
CHARACTERS = (*HARD, *"".join(SENTENCES), *map(chr, range(1, 0xD7FF, 17)))
"""What random strings are drawn from: some of nearly all scripts."""
SCRIPTS = st.lists(st.sampled_from(HARD) | st.sampled_from("".join(SENTENCES)) | st.sampled_from(SENTENCES)).map(
    "".join
)
"""Any text: pieces of all scripts in any mixture."""
TEXTS = SCRIPTS | st.text(max_size=23)
