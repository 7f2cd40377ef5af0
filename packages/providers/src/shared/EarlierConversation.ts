/**
 * How the transcript of a thread is marked where a prompt begins with it: for an agent that starts afresh in a thread that
 * has a history. To an agent it is text like any other; one that takes orders from the text must not take those again.
 */
const OPEN = "<earlier-conversation>";
const CLOSE = "</earlier-conversation>";

/** Puts the marks around a transcript, which cannot end them itself. */
export const asEarlierConversation = (transcript: string): string =>
  `${OPEN}\n${transcript.replaceAll(CLOSE, "<\\/earlier-conversation>")}\n${CLOSE}`;

/** The prompt itself, without what was said before it. */
export const withoutEarlierConversation = (prompt: string): string => {
  const end = prompt.startsWith(OPEN) ? prompt.indexOf(CLOSE) : -1;
  return end === -1 ? prompt : prompt.slice(end + CLOSE.length).trimStart();
};
