/**
 * Joins the words of a reply that come twice: at once as deltas, which may be missing, and stored in segments. Both say at
 * which offset (UTF-16 code units) they stand, so each character goes out once, in order. Pure.
 */

export interface Piece {
  readonly offset: number;
  readonly text: string;
}

export interface ReplyText {
  /** Characters that went out. */
  readonly length: number;
  /** Pieces behind a gap. */
  readonly ahead: ReadonlyArray<Piece>;
}

/** A reply of which so many characters are known already. */
export const replyFrom = (length: number): ReplyText => ({ length, ahead: [] });

/** Takes a piece, in any order and with any overlap, and gives the text that can go out now. */
export const join = (reply: ReplyText, piece: Piece): readonly [ReplyText, string] => {
  const pieces = [...reply.ahead, piece].toSorted((left, right) => left.offset - right.offset);
  let { length } = reply;
  let text = "";
  const ahead: Array<Piece> = [];
  for (const { offset, text: words } of pieces) {
    if (offset > length) {
      ahead.push({ offset, text: words });
      continue;
    }
    const fresh = words.slice(length - offset);
    text += fresh;
    length += fresh.length;
  }
  return [{ length, ahead }, text];
};
