const encoder = new TextEncoder();

/** The longest beginning of a text, in whole characters, whose UTF-8 takes at most `maxBytes`. Pure. */
export const textHead = (text: string, maxBytes: number): string => {
  // No character takes more than three bytes for each of its code units.
  if (text.length * 3 <= maxBytes) return text;
  const { read } = encoder.encodeInto(text.slice(0, maxBytes), new Uint8Array(maxBytes));
  return text.slice(0, read);
};
