#!/usr/bin/env node
// stub-model.mjs: a scripted stand-in for a model server. No dependencies, Node >= 20.
//
//   node stub-model.mjs [port]      (port 0 or PORT=0: any free port)
//   prints one line of JSON to stdout when it listens: {"port":N,"url":"http://127.0.0.1:N"}
//
// Speaks, on 127.0.0.1 only:
//   POST /v1/responses                      OpenAI Responses (SSE when stream:true)          codex
//   POST /v1/chat/completions               OpenAI Chat Completions (SSE when stream:true)   opencode
//   POST /v1/messages                       Anthropic Messages (SSE when stream:true)        claude
//   POST /v1/messages/count_tokens
//   POST /v1beta/models/M:streamGenerateContent | :generateContent | :countTokens            gemini
//   GET  /v1/models
//   GET  /__health   GET /__stats   POST /__reset
//
// Script: directives in the text of the last real user message.
//   [[say: text]]          assistant text, streamed in several deltas ("\n" is a newline)
//   [[think: text]]        reasoning text, streamed before the rest
//   [[lorem: N]]           N characters of assistant text
//   [[shell: cmd]]         call of the shell tool that the agent advertised
//   [[write: path | text]] file edit by the agent's own edit tool, else by shell
//   [[read: path]]         call of the agent's own read tool, else shell cat
//   [[plan: a; b; c]]      call of the agent's own plan/todo tool (first entry in progress)
//   [[tool: name {json}]]  call of any advertised tool with these arguments, as they are
//   [[slow: ms]]           from here on wait ms before every delta
//   [[fail: 500]]          this HTTP status once; [[fail: 500 x3]] thrice; [[fail: 500 always]]
//   [[drop]]               cut the connection after what was streamed so far in this round;
//                          once; [[drop: x3]] thrice; [[drop: always]]
//   [[hang]]               keep the connection open and send nothing more in this round
//   [[tokens: IN OUT]]     usage figures that this round reports
// A round runs directives up to and including the first tool call; the next request (which
// carries the tool's result) runs on from there. With nothing left a round says "Done."; a
// prompt without directives gets "Stub reply to: <prompt>". Which round it is is read from the
// request's own history (tool calls after the last real user message), so the stub keeps no
// state except how often each [[fail]] was used, and a resumed agent continues where it was.
// Directive text cannot contain "]]".
//
// Environment: PORT, STUB_LOG=file (one JSON line per request), STUB_LOG_BODY=1 (with the body),
//   STUB_DELAY=ms (default wait before a delta), STUB_MODELS=a,b (for /v1/models).
import http from "node:http";
import fs from "node:fs";
import { createHash } from "node:crypto";

const LOG = process.env.STUB_LOG;
const DELAY = Number(process.env.STUB_DELAY || 0);
const MODELS = (process.env.STUB_MODELS || "stub-model").split(",");
const fails = new Map(),
  attempts = new Map();
const stats = { requests: 0, aborted: 0, byPath: {} };
const sha = (s) => createHash("sha1").update(s).digest("hex");
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// ---------------------------------------------------------------- the script
const RE =
  /\[\[\s*(say|think|lorem|shell|write|read|plan|tool|slow|fail|drop|hang|tokens)\s*(?::\s*([\s\S]*?))?\s*\]\]/g;
const TOOLISH = new Set(["shell", "write", "read", "plan", "tool"]);
const unescapeText = (s) => s.replace(/\\n/g, "\n").replace(/\\t/g, "\t");

function directives(text) {
  return [...text.matchAll(RE)].map((m) => ({ op: m[1], arg: m[2] ?? "" }));
}

// Text that agents put into user-role messages themselves.
const INJECTED =
  /<(system-reminder|environment_context|user_instructions|permissions instructions|permissions_instructions|skills_instructions|apps_instructions|plugins_instructions|collaboration_mode|turn_aborted|model_switch|session_context|earlier-conversation|local-command-caveat|INSTRUCTIONS)\b[^>]*>[\s\S]*?<\/\1>/g;
const QUEUED =
  /<system-reminder>\s*The user sent a new message while you were working:\n([\s\S]*?)\n\n[\s\S]*?<\/system-reminder>/g;
function realText(text) {
  const t = text.replace(INJECTED, "").trim();
  if (t.startsWith("# AGENTS.md instructions")) return "";
  if (t.startsWith("[Request interrupted")) return "";
  if (t.startsWith("This is the Gemini CLI.")) return "";
  return t;
}

// items: [{kind:'user'|'assistant'|'call'|'result'|'system', text}]
function makePlan(req) {
  const { items, tools } = req;
  let anchor = -1,
    ordinal = 0;
  for (let i = 0; i < items.length; i++) {
    if (items[i].kind !== "user") continue;
    if (realText(items[i].text)) {
      anchor = i;
      ordinal++;
    }
  }
  const prompt = anchor < 0 ? "" : realText(items[anchor].text);
  const round = items.slice(anchor + 1).filter((x) => x.kind === "call").length;
  const plan = {
    prompt,
    ordinal,
    round,
    parts: [],
    call: null,
    slow: DELAY,
    end: "stop",
    status: 0,
    usage: null,
  };
  if (!tools.length) {
    plan.aux = true;
    plan.parts.push({ type: "text", text: "Stub title" });
    return plan;
  }
  const list = directives(prompt);
  if (!list.length) {
    plan.parts.push({ type: "text", text: `Stub reply to: ${prompt.slice(0, 200)}` });
    return plan;
  }
  let i = 0;
  for (let r = 0; r < round && i < list.length;) {
    // skip what earlier rounds ran
    const d = list[i++];
    if (d.op === "slow") plan.slow = Number(d.arg) || 0;
    if (TOOLISH.has(d.op)) r++;
  }
  for (; i < list.length; i++) {
    const { op, arg } = list[i];
    if (op === "slow") plan.slow = Number(arg) || 0;
    else if (op === "say") plan.parts.push({ type: "text", text: unescapeText(arg), slow: plan.slow });
    else if (op === "think") plan.parts.unshift({ type: "think", text: unescapeText(arg), slow: plan.slow });
    else if (op === "lorem")
      plan.parts.push({ type: "text", text: lorem(Number(arg) || 100), slow: plan.slow });
    else if (op === "tokens") {
      const [a, b] = arg.split(/\s+/).map(Number);
      plan.usage = { in: a || 0, out: b || 0 };
    } else if (op === "fail") {
      const [code, how = "x1"] = arg.split(/\s+/);
      const key = sha(`${req.conv}|${ordinal}|${prompt}|${i}`);
      const used = fails.get(key) || 0;
      const max = how === "always" ? Infinity : Number(how.replace("x", "")) || 1;
      if (used < max) {
        fails.set(key, used + 1);
        plan.status = Number(code) || 500;
        return plan;
      }
    } else if (op === "drop") {
      const key = sha(`${req.conv}|${ordinal}|${prompt}|${i}`),
        used = fails.get(key) || 0;
      if (arg === "always" || used < (Number(arg.replace("x", "")) || 1)) {
        fails.set(key, used + 1);
        plan.end = "drop";
        return plan;
      }
    } else if (op === "hang") {
      plan.end = op;
      return plan;
    } else {
      plan.call = toolCall(req, op, arg);
      if (!plan.call) {
        plan.parts.push({ type: "text", text: `(no tool for ${op})` });
        continue;
      }
      plan.call.id = "call_" + sha(`${req.conv}|${items.length}|${i}`).slice(0, 16);
      plan.end = "tool";
      return plan;
    }
  }
  if (!plan.parts.some((p) => p.type === "text"))
    plan.parts.push({ type: "text", text: "Done.", slow: plan.slow });
  return plan;
}

function lorem(n) {
  const w =
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua ";
  return w.repeat(Math.ceil(n / w.length)).slice(0, n);
}
function deltas(text) {
  return text.match(/[\s\S]{1,11}(?:\s+|$)|[\s\S]{1,12}/g) || [];
}

// ---------------------------------------------------------------- tools
const props = (t) => t.schema?.properties || {};
const required = (t) => t.schema?.required || [];
const typeOf = (p) =>
  (Array.isArray(p?.type) ? p.type.find((x) => x !== "null") : p?.type) ||
  p?.anyOf?.map(typeOf).find((x) => x && x !== "null") ||
  "string";
function fill(t, args) {
  // give every other required argument something plain
  for (const k of required(t)) {
    if (k in args) continue;
    const p = props(t)[k];
    if (p?.enum) args[k] = p.enum[0];
    else if (p?.default !== undefined) args[k] = p.default;
    else {
      const ty = typeOf(p).toLowerCase();
      args[k] =
        ty === "boolean"
          ? false
          : ty === "number" || ty === "integer"
            ? 0
            : ty === "array"
              ? []
              : ty === "object"
                ? {}
                : `stub ${k}`;
    }
  }
  return args;
}
const find = (req, names) => {
  for (const n of names) {
    const t = req.tools.find((x) => x.name === n);
    if (t) return t;
  }
  return null;
};
const keyOf = (t, names) => names.find((n) => n in props(t));
const absPath = (req, p) => (p.startsWith("/") || !req.cwd ? p : `${req.cwd.replace(/\/$/, "")}/${p}`);

function shellCall(req, cmd) {
  const t = find(req, [
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "Bash",
    "bash",
    "run_shell_command",
    "execute_command",
  ]);
  if (!t) return codeMode(req, `const r = await tools.exec_command({cmd:${JSON.stringify(cmd)}}); text(r);`);
  if (t.kind === "local_shell") return { kind: "local_shell", name: t.name, command: ["bash", "-lc", cmd] };
  const k = keyOf(t, ["cmd", "command", "script"]) || "command";
  return {
    kind: "function",
    name: t.name,
    args: fill(t, { [k]: typeOf(props(t)[k]) === "array" ? ["bash", "-lc", cmd] : cmd }),
  };
}
function codeMode(req, source) {
  // codex "code mode": one freeform tool that takes JavaScript
  const t = req.tools.find((x) => x.kind === "custom" && (x.name === "exec" || x.name === "code"));
  return t ? { kind: "custom", name: t.name, input: source } : null;
}
const addFile = (path, text) =>
  `*** Begin Patch\n*** Add File: ${path}\n${text
    .split("\n")
    .map((l) => "+" + l)
    .join("\n")}\n*** End Patch`;

function toolCall(req, op, arg) {
  if (op === "shell") return shellCall(req, arg);
  if (op === "tool") {
    const m = arg.match(/^(\S+)\s*([\s\S]*)$/);
    const t = find(req, [m[1]]);
    if (t?.kind === "custom") return { kind: "custom", name: m[1], input: m[2] };
    let args = {};
    try {
      args = JSON.parse(m[2] || "{}");
    } catch {
      args = { input: m[2] };
    }
    return { kind: "function", name: m[1], namespace: t?.namespace, args };
  }
  if (op === "write") {
    const bar = arg.indexOf("|");
    const path = (bar < 0 ? arg : arg.slice(0, bar)).trim();
    const text = unescapeText(bar < 0 ? "stub" : arg.slice(bar + 1).replace(/^ /, ""));
    const t = find(req, ["apply_patch", "Write", "write", "write_file", "create_file"]);
    if (t?.name === "apply_patch") {
      const patch = addFile(path, text);
      if (t.kind === "custom") return { kind: "custom", name: t.name, input: patch + "\n" };
      const k = keyOf(t, ["input", "patch", "patchText", "patch_text"]) || "input";
      return { kind: "function", name: t.name, args: fill(t, { [k]: patch }) };
    }
    if (t) {
      const pk = keyOf(t, ["file_path", "filePath", "path", "absolute_path"]) || "file_path";
      const ck = keyOf(t, ["content", "contents", "text"]) || "content";
      return { kind: "function", name: t.name, args: fill(t, { [pk]: absPath(req, path), [ck]: text }) };
    }
    const code = codeMode(
      req,
      `const r = await tools.apply_patch(${JSON.stringify(addFile(path, text) + "\n")}); text(r);`,
    );
    if (code && !find(req, ["exec_command", "shell_command", "shell"])) return code;
    if (find(req, ["exec_command", "shell_command", "shell"]))
      return shellCall(req, `apply_patch <<'STUB_EOF'\n${addFile(path, text)}\nSTUB_EOF`);
    return shellCall(req, `cat > '${path}' <<'STUB_EOF'\n${text}\nSTUB_EOF`);
  }
  if (op === "read") {
    const t = find(req, ["Read", "read", "read_file", "view"]);
    if (!t) return shellCall(req, `cat '${arg}'`);
    const pk = keyOf(t, ["file_path", "filePath", "path", "absolute_path", "target_file"]) || "file_path";
    return { kind: "function", name: t.name, args: fill(t, { [pk]: absPath(req, arg) }) };
  }
  if (op === "plan") {
    const steps = arg
      .split(";")
      .map((s) => s.trim())
      .filter(Boolean);
    const st = (n) => (n ? "pending" : "in_progress");
    const t = find(req, ["update_plan", "TodoWrite", "todowrite", "write_todos"]);
    if (!t) return null;
    if ("plan" in props(t))
      return {
        kind: "function",
        name: t.name,
        args: fill(t, { plan: steps.map((step, n) => ({ step, status: st(n) })) }),
      };
    const known = props(t).todos?.items?.properties;
    const todo = (s, n) =>
      Object.fromEntries(
        Object.entries({
          id: String(n + 1),
          content: s,
          description: s,
          activeForm: s,
          status: st(n),
          priority: "medium",
        }).filter(([k]) => !known || k in known),
      );
    return { kind: "function", name: t.name, args: fill(t, { todos: steps.map(todo) }) };
  }
  return null;
}

// ---------------------------------------------------------------- reading requests
const textOf = (c) =>
  typeof c === "string"
    ? c
    : Array.isArray(c)
      ? c.map((b) => (typeof b === "string" ? b : (b.text ?? ""))).join("\n")
      : "";
const CWD = [
  /<cwd>([^<]+)<\/cwd>/g,
  /Primary working directory:\s*(\/[^\s`'"<]+)/g,
  /(?:Working|Current working|Workspace) directory:\s*`?(\/[^\s`'"<]+)/gi,
  /(?:working directory|Workspace Directories)[^\n/]{0,40}(?:\n\s*-\s*)?`?(\/[^\s`'"<]+)/gi,
];
function findCwd(texts) {
  // the agent's working directory, as it told the model; only a directory that exists
  for (const re of CWD)
    for (const s of texts)
      for (const m of s.matchAll(re)) {
        const d = m[1].replace(/[.,)]+$/, "");
        try {
          if (fs.statSync(d).isDirectory()) return d;
        } catch {
          // Not there: something else that was named may be.
        }
      }
  return "";
}
const READ = {
  responses(b, h) {
    const items = [];
    for (const x of typeof b.input === "string"
      ? [{ type: "message", role: "user", content: b.input }]
      : b.input || []) {
      const type = x.type || "message";
      if (type === "message")
        items.push({
          kind: x.role === "user" ? "user" : x.role === "assistant" ? "assistant" : "system",
          text: textOf(x.content),
        });
      else if (type.endsWith("_call")) items.push({ kind: "call", text: x.name || type });
      else if (type.endsWith("_call_output"))
        items.push({
          kind: "result",
          text: typeof x.output === "string" ? x.output : JSON.stringify(x.output),
        });
      else if (type === "additional_tools") b.tools = [...(b.tools || []), ...(x.tools || [])];
    }
    const tools = [];
    const add = (t, namespace) => {
      if (t.type === "namespace") return (t.tools || []).forEach((x) => add(x, t.name));
      tools.push({
        name: t.name || t.type,
        namespace,
        kind: t.type === "custom" ? "custom" : t.type === "local_shell" ? "local_shell" : t.type,
        schema: t.parameters || t.function?.parameters,
      });
    };
    (b.tools || []).forEach((t) => add(t));
    return { items, tools, conv: b.prompt_cache_key || h["session_id"] || h["session-id"] || "" };
  },
  chat(b, h) {
    const items = [];
    for (const m of b.messages || []) {
      if (m.role === "user") items.push({ kind: "user", text: textOf(m.content) });
      else if (m.role === "assistant") {
        if (textOf(m.content)) items.push({ kind: "assistant", text: textOf(m.content) });
        for (const c of m.tool_calls || []) items.push({ kind: "call", text: c.function?.name });
      } else if (m.role === "tool") items.push({ kind: "result", text: textOf(m.content) });
      else items.push({ kind: "system", text: textOf(m.content) });
    }
    return {
      items,
      tools: (b.tools || []).map((t) => ({
        name: t.function?.name,
        kind: "function",
        schema: t.function?.parameters,
      })),
      conv: h["x-session-affinity"] || h["x-session-id"] || b.user || "",
    };
  },
  messages(b, h) {
    const items = [{ kind: "system", text: textOf(b.system) }];
    for (const m of b.messages || []) {
      const blocks = typeof m.content === "string" ? [{ type: "text", text: m.content }] : m.content || [];
      for (const x of blocks) {
        if (x.type === "tool_use") items.push({ kind: "call", text: x.name });
        else if (x.type === "tool_result") {
          const text = textOf(x.content);
          items.push({ kind: "result", text });
          for (const q of text.matchAll(QUEUED)) items.push({ kind: "user", text: q[1] }); // a prompt that arrived in mid-turn
        } else if (x.type === "text" && m.role === "user" && x.text.search(QUEUED) >= 0) {
          for (const q of x.text.matchAll(QUEUED)) items.push({ kind: "user", text: q[1] });
        } else if (x.type === "text")
          items.push({
            kind: m.role === "user" ? "user" : m.role === "assistant" ? "assistant" : "system",
            text: x.text,
          });
      }
    }
    return {
      items,
      tools: (b.tools || []).map((t) => ({
        name: t.name || t.type,
        kind: "function",
        schema: t.input_schema,
      })),
      conv: h["x-claude-code-session-id"] || b.metadata?.user_id || "",
    };
  },
  gemini(b) {
    const items = [{ kind: "system", text: textOf(b.systemInstruction?.parts) }];
    for (const m of b.contents || [])
      for (const p of m.parts || []) {
        if (p.functionCall) items.push({ kind: "call", text: p.functionCall.name });
        else if (p.functionResponse)
          items.push({ kind: "result", text: JSON.stringify(p.functionResponse.response) });
        else if (p.text) items.push({ kind: m.role === "model" ? "assistant" : "user", text: p.text });
      }
    const tools = (b.tools || [])
      .flatMap((t) => t.functionDeclarations || [])
      .map((f) => ({ name: f.name, kind: "function", schema: f.parametersJsonSchema || f.parameters }));
    return { items, tools, conv: "" };
  },
};

// ---------------------------------------------------------------- writing answers
const WRITE = {
  async responses(o, plan, b, u) {
    const id = "resp_" + o.rid;
    const ev = (type, x) => o.sse({ type, sequence_number: o.seq++, ...x }, type);
    const base = { id, object: "response", created_at: 0, model: b.model, output: [] };
    ev("response.created", { response: { ...base, status: "in_progress" } });
    let n = 0;
    const output = [];
    for (const p of plan.parts) {
      const item_id = (p.type === "think" ? "rs_" : "msg_") + o.rid + "_" + n;
      if (p.type === "think") {
        ev("response.output_item.added", {
          output_index: n,
          item: { type: "reasoning", id: item_id, summary: [] },
        });
        ev("response.reasoning_summary_part.added", {
          item_id,
          output_index: n,
          summary_index: 0,
          part: { type: "summary_text", text: "" },
        });
        for (const d of deltas(p.text)) {
          if (!(await o.wait(p.slow))) return;
          ev("response.reasoning_summary_text.delta", {
            item_id,
            output_index: n,
            summary_index: 0,
            delta: d,
          });
        }
        ev("response.reasoning_summary_text.done", {
          item_id,
          output_index: n,
          summary_index: 0,
          text: p.text,
        });
        const item = {
          type: "reasoning",
          id: item_id,
          summary: [{ type: "summary_text", text: p.text }],
          encrypted_content: null,
        };
        ev("response.output_item.done", { output_index: n, item });
        output.push(item);
      } else {
        const item = (text, status) => ({
          type: "message",
          id: item_id,
          role: "assistant",
          status,
          content: text === null ? [] : [{ type: "output_text", text, annotations: [] }],
        });
        ev("response.output_item.added", { output_index: n, item: item(null, "in_progress") });
        ev("response.content_part.added", {
          item_id,
          output_index: n,
          content_index: 0,
          part: { type: "output_text", text: "", annotations: [] },
        });
        for (const d of deltas(p.text)) {
          if (!(await o.wait(p.slow))) return;
          ev("response.output_text.delta", { item_id, output_index: n, content_index: 0, delta: d });
        }
        ev("response.output_text.done", { item_id, output_index: n, content_index: 0, text: p.text });
        ev("response.output_item.done", { output_index: n, item: item(p.text, "completed") });
        output.push(item(p.text, "completed"));
      }
      n++;
    }
    if (await o.cut(plan)) return;
    if (plan.call) {
      if (!(await o.wait(plan.slow))) return;
      const c = plan.call;
      const item =
        c.kind === "custom"
          ? {
              type: "custom_tool_call",
              id: "ctc_" + o.rid,
              status: "completed",
              call_id: c.id,
              name: c.name,
              input: c.input,
            }
          : c.kind === "local_shell"
            ? {
                type: "local_shell_call",
                id: "lsc_" + o.rid,
                status: "completed",
                call_id: c.id,
                action: { type: "exec", command: c.command, env: {} },
              }
            : {
                type: "function_call",
                id: "fc_" + o.rid,
                status: "completed",
                call_id: c.id,
                name: c.name,
                ...(c.namespace ? { namespace: c.namespace } : {}),
                arguments: JSON.stringify(c.args),
              };
      ev("response.output_item.added", {
        output_index: n,
        item: { ...item, status: "in_progress", ...(item.arguments ? { arguments: "" } : {}) },
      });
      if (item.arguments) {
        ev("response.function_call_arguments.delta", {
          item_id: item.id,
          output_index: n,
          delta: item.arguments,
        });
        ev("response.function_call_arguments.done", {
          item_id: item.id,
          output_index: n,
          arguments: item.arguments,
        });
      }
      if (item.type === "custom_tool_call")
        ev("response.custom_tool_call_input.delta", { item_id: item.id, output_index: n, delta: item.input });
      ev("response.output_item.done", { output_index: n, item });
      output.push(item);
    }
    ev("response.completed", {
      response: {
        ...base,
        status: "completed",
        output,
        usage: {
          input_tokens: u.in,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: u.out,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: u.in + u.out,
        },
      },
    });
    o.final = {
      ...base,
      status: "completed",
      output,
      usage: { input_tokens: u.in, output_tokens: u.out, total_tokens: u.in + u.out },
    };
  },
  async chat(o, plan, b, u) {
    const base = { id: "chatcmpl-" + o.rid, object: "chat.completion.chunk", created: 0, model: b.model };
    const ev = (delta, finish_reason = null) =>
      o.sse({ ...base, choices: [{ index: 0, delta, finish_reason }] });
    ev({ role: "assistant", content: "" });
    for (const p of plan.parts)
      for (const d of deltas(p.text)) {
        if (!(await o.wait(p.slow))) return;
        ev(p.type === "think" ? { reasoning_content: d } : { content: d });
      }
    if (await o.cut(plan)) return;
    let tool_calls;
    if (plan.call) {
      if (!(await o.wait(plan.slow))) return;
      const c = plan.call,
        a = JSON.stringify(c.args ?? { input: c.input });
      tool_calls = [{ id: c.id, type: "function", function: { name: c.name, arguments: a } }];
      ev({
        tool_calls: [{ index: 0, id: c.id, type: "function", function: { name: c.name, arguments: "" } }],
      });
      for (const d of deltas(a)) ev({ tool_calls: [{ index: 0, function: { arguments: d } }] });
    }
    ev({}, plan.call ? "tool_calls" : "stop");
    const usage = { prompt_tokens: u.in, completion_tokens: u.out, total_tokens: u.in + u.out };
    o.sse({ ...base, choices: [], usage });
    o.raw("data: [DONE]\n\n");
    o.final = {
      ...base,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          finish_reason: plan.call ? "tool_calls" : "stop",
          message: {
            role: "assistant",
            content: plan.parts
              .filter((p) => p.type === "text")
              .map((p) => p.text)
              .join(""),
            tool_calls,
          },
        },
      ],
      usage,
    };
  },
  async messages(o, plan, b, u) {
    const ev = (type, x = {}) => o.sse({ type, ...x }, type);
    const content = [];
    const message = {
      id: "msg_" + o.rid,
      type: "message",
      role: "assistant",
      model: b.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: {
        input_tokens: u.in,
        output_tokens: 1,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
      },
    };
    ev("message_start", { message });
    ev("ping");
    let n = 0;
    for (const p of plan.parts) {
      const think = p.type === "think";
      ev("content_block_start", {
        index: n,
        content_block: think ? { type: "thinking", thinking: "", signature: "" } : { type: "text", text: "" },
      });
      for (const d of deltas(p.text)) {
        if (!(await o.wait(p.slow))) return;
        ev("content_block_delta", {
          index: n,
          delta: think ? { type: "thinking_delta", thinking: d } : { type: "text_delta", text: d },
        });
      }
      if (think)
        ev("content_block_delta", { index: n, delta: { type: "signature_delta", signature: "c3R1Yg==" } });
      ev("content_block_stop", { index: n++ });
      content.push(
        think
          ? { type: "thinking", thinking: p.text, signature: "c3R1Yg==" }
          : { type: "text", text: p.text },
      );
    }
    if (await o.cut(plan)) return;
    if (plan.call) {
      if (!(await o.wait(plan.slow))) return;
      const c = plan.call,
        id = c.id.replace("call_", "toolu_"),
        a = JSON.stringify(c.args ?? { input: c.input });
      ev("content_block_start", {
        index: n,
        content_block: { type: "tool_use", id, name: c.name, input: {} },
      });
      for (const d of deltas(a))
        ev("content_block_delta", { index: n, delta: { type: "input_json_delta", partial_json: d } });
      ev("content_block_stop", { index: n++ });
      content.push({ type: "tool_use", id, name: c.name, input: c.args ?? {} });
    }
    const stop_reason = plan.call ? "tool_use" : "end_turn";
    ev("message_delta", { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: u.out } });
    ev("message_stop");
    o.final = { ...message, content, stop_reason, usage: { ...message.usage, output_tokens: u.out } };
  },
  async gemini(o, plan, b, u) {
    const meta = { modelVersion: "stub-model", responseId: o.rid };
    const all = [];
    const ev = (parts, finishReason, usageMetadata) => {
      all.push(...parts);
      o.sse({
        candidates: [
          { index: 0, content: { role: "model", parts }, ...(finishReason ? { finishReason } : {}) },
        ],
        ...(usageMetadata ? { usageMetadata } : {}),
        ...meta,
      });
    };
    for (const p of plan.parts)
      for (const d of deltas(p.text)) {
        if (!(await o.wait(p.slow))) return;
        ev([p.type === "think" ? { text: d, thought: true } : { text: d }]);
      }
    if (await o.cut(plan)) return;
    const usage = { promptTokenCount: u.in, candidatesTokenCount: u.out, totalTokenCount: u.in + u.out };
    if (plan.call) {
      if (!(await o.wait(plan.slow))) return;
      ev(
        [{ functionCall: { id: plan.call.id, name: plan.call.name, args: plan.call.args ?? {} } }],
        "STOP",
        usage,
      );
    } else ev([{ text: "" }], "STOP", usage);
    o.final = {
      candidates: [{ index: 0, content: { role: "model", parts: all }, finishReason: "STOP" }],
      usageMetadata: usage,
      ...meta,
    };
  },
};
const ERR = {
  responses: (c) => ({
    error: { message: `stub failure ${c}`, type: "server_error", code: null, param: null },
  }),
  chat: (c) => ({ error: { message: `stub failure ${c}`, type: "server_error" } }),
  messages: (c) => ({
    type: "error",
    error: {
      type:
        c === 429
          ? "rate_limit_error"
          : c === 529
            ? "overloaded_error"
            : c === 401
              ? "authentication_error"
              : c < 500
                ? "invalid_request_error"
                : "api_error",
      message: `stub failure ${c}`,
    },
  }),
  gemini: (c) => ({ error: { code: c, message: `stub failure ${c}`, status: "INTERNAL" } }),
};

// ---------------------------------------------------------------- the server
function route(path) {
  if (path.endsWith("/responses")) return "responses";
  if (path.endsWith("/chat/completions")) return "chat";
  if (path.endsWith("/messages")) return "messages";
  if (/:(streamGenerateContent|generateContent)$/.test(path)) return "gemini";
  return null;
}
function log(x) {
  if (LOG) fs.appendFileSync(LOG, JSON.stringify(x) + "\n");
}
function json(res, code, x) {
  res.writeHead(code, { "content-type": "application/json" });
  res.end(JSON.stringify(x));
}

const server = http.createServer(async (req, res) => {
  const chunks = [];
  try {
    for await (const c of req) chunks.push(c);
  } catch {
    return;
  }
  const url = new URL(req.url, "http://x"),
    path = url.pathname;
  const n = ++stats.requests;
  stats.byPath[path] = (stats.byPath[path] || 0) + 1;
  let body = {};
  const rawBody = Buffer.concat(chunks).toString();
  try {
    body = rawBody ? JSON.parse(rawBody) : {};
  } catch {
    body = { unparsed: rawBody.slice(0, 500) };
  }
  const entry = {
    n,
    at: Date.now(),
    method: req.method,
    path,
    query: url.search || undefined,
    model: body.model,
    stream: body.stream,
    bytes: rawBody.length,
  };
  if (path === "/__health") return json(res, 200, { ok: true });
  if (path === "/__stats") return json(res, 200, stats);
  if (path === "/__reset") {
    fails.clear();
    attempts.clear();
    stats.requests = 0;
    stats.aborted = 0;
    stats.byPath = {};
    return json(res, 200, { ok: true });
  }
  const api = route(path);
  if (!api || req.method !== "POST") {
    log({ ...entry, headers: req.headers, body: process.env.STUB_LOG_BODY ? body : undefined });
    if (path.endsWith("/models")) {
      if (url.searchParams.has("client_version")) return json(res, 200, { models: [] }); // codex's own catalogue shape
      return json(res, 200, {
        object: "list",
        data: MODELS.map((id) => ({
          id,
          object: "model",
          type: "model",
          display_name: id,
          created: 0,
          created_at: "2025-01-01T00:00:00Z",
          owned_by: "stub",
        })),
        has_more: false,
        first_id: MODELS[0],
        last_id: MODELS.at(-1),
      });
    }
    if (path.endsWith("count_tokens")) return json(res, 200, { input_tokens: Math.ceil(rawBody.length / 4) });
    if (path.endsWith(":countTokens")) return json(res, 200, { totalTokens: Math.ceil(rawBody.length / 4) });
    if (req.method === "HEAD") {
      res.writeHead(200);
      return res.end();
    }
    return json(res, 404, { error: { message: `stub: no ${req.method} ${path}`, type: "not_found_error" } });
  }
  const r = READ[api](body, req.headers);
  r.cwd = findCwd([
    ...r.items.map((x) => x.text || ""),
    typeof body.instructions === "string" ? body.instructions : "",
  ]);
  const plan = makePlan(r);
  const u = plan.usage || {
    in: Math.ceil(rawBody.length / 4),
    out: Math.ceil(
      (plan.parts.map((p) => p.text).join("").length + JSON.stringify(plan.call || "").length) / 4,
    ),
  };
  log({
    ...entry,
    conv: r.conv,
    cwd: r.cwd,
    tools: r.tools.map((t) => (t.kind === "function" ? t.name : `${t.name}:${t.kind}`)),
    items: r.items.length,
    plan: { ...plan, parts: plan.parts.map((p) => `${p.type}:${p.text.slice(0, 80)}`) },
    headers: req.headers,
    body: process.env.STUB_LOG_BODY ? body : undefined,
  });
  if (plan.status) return json(res, plan.status, ERR[api](plan.status));
  const streaming = api === "gemini" ? path.endsWith("streamGenerateContent") : body.stream === true;
  let gone = false;
  const at = `${r.conv}|${r.items.length}|${plan.prompt}|${plan.ordinal}|${plan.round}`,
    attempt = attempts.get(at) || 0;
  attempts.set(at, attempt + 1); // a retry gets new ids
  res.on("close", () => {
    if (!res.writableEnded) {
      gone = true;
      stats.aborted++;
      log({ n, at: Date.now(), aborted: true });
    }
  });
  const o = {
    rid: sha(`${at}|${attempt}`).slice(0, 20),
    seq: 0,
    final: null,
    sse(x, event) {
      if (streaming && !gone)
        res.write((event ? `event: ${event}\n` : "") + `data: ${JSON.stringify(x)}\n\n`);
    },
    raw(s) {
      if (streaming && !gone) res.write(s);
    },
    async wait(ms = plan.slow) {
      if (ms > 0) await sleep(ms);
      return !gone;
    },
    async cut(p) {
      if (p.end === "drop") {
        res.socket?.destroy();
        return true;
      }
      if (p.end === "hang") {
        await new Promise((done) => {
          res.on("close", done);
        });
        return true;
      }
      return gone;
    },
  };
  if (streaming) {
    res.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "request-id": "req_" + o.rid,
      "x-request-id": "req_" + o.rid,
    });
    res.flushHeaders();
  }
  await WRITE[api](o, plan, body, u);
  if (gone || res.destroyed) return;
  if (streaming) res.end();
  else if (o.final) json(res, 200, o.final);
});
server.requestTimeout = 0;
server.keepAliveTimeout = 60000;
server.listen(Number(process.argv[2] ?? process.env.PORT ?? 0), "127.0.0.1", () => {
  const port = server.address().port;
  process.stdout.write(JSON.stringify({ port, url: `http://127.0.0.1:${port}`, pid: process.pid }) + "\n");
});
for (const s of ["SIGTERM", "SIGINT"]) process.on(s, () => process.exit(0));
