// Offsets of the API are code points; strings here are UTF-16, where an emoji counts twice.

/** Where each code point of a text begins, and at last where the text ends. */
export function codePoints(text) {
  const starts = [];
  for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) starts.push(at);
  starts.push(text.length);
  return starts;
}

/** The text cut wherever a span begins or ends. Each piece has the spans over it, the outermost first, and those of
 *  them that begin and end with it; spans that are not inside the text are in no piece. */
export function pieces(text, spans) {
  const starts = codePoints(text);
  const inside = ({ start, end }) =>
    Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end < starts.length;
  const waiting = spans.filter(inside).sort((a, b) => a.start - b.start || b.end - a.end);
  const borders = new Set([0, starts.length - 1]);
  for (const { start, end } of waiting) borders.add(start).add(end);
  const cuts = [...borders].sort((a, b) => a - b);
  const cut = [];
  let over = [];
  for (let number = 0; number + 1 < cuts.length; number++) {
    const [start, end] = [cuts[number], cuts[number + 1]];
    over = over.filter((span) => span.end > start);
    while (waiting.length && waiting[0].start === start) over.push(waiting.shift());
    cut.push({
      text: text.slice(starts[start], starts[end]),
      spans: [...over],
      begins: new Set(over.filter((span) => span.start === start)),
      ends: new Set(over.filter((span) => span.end === end)),
    });
  }
  return cut;
}
