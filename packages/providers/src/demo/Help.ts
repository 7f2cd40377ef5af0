/** What the demo agent answers when it is not told what to do. */
export const greeting = `Hello! I am the demo agent: no account, no model, no network. I do what you write between double brackets, in order, and leave the rest alone.

- [[say: text]] streams text, [[lorem: 40]] streams 40 words of filler, [[think: text]] thinks aloud
- [[plan: first; second]] shows a plan
- [[write: notes/today.md | Hello]] writes a file, once you allow it (\\n is a new line)
- [[shell: ls -la]] runs a command, once you allow it
- [[ask: What shall I call it?]] asks you something
- [[tokens: 900 40]] tells that 900 tokens went into a model and 40 came out
- [[slow: 200]] waits 200 ms between pieces from then on
- [[fail: message]], [[crash]] and [[hang]] go wrong, each in its own way

Try:

[[say: On it.]] [[write: hello.txt | Hello from the demo agent]] [[shell: cat hello.txt]]

[[slow: 100]] [[lorem: 80]]`;
