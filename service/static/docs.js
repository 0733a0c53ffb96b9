// The interface from its own document: reads openapi.json, asks what a reader fills in.
// Texts are set as text, never as markup; the token stays in its field.
"use strict";

const LONGEST = 200000; // characters of an answer that are shown
const METHODS = ["get", "post", "put", "patch", "delete"];

function make(tag, options = {}, ...children) {
  const { data, ...properties } = options;
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

function resolved(spec, part) {
  let found = part;
  while (found && found.$ref) {
    found = found.$ref.slice(2).split("/").reduce((at, name) => at[name], spec);
  }
  return found;
}

function typeOf(spec, schema) {
  const plain = resolved(spec, schema);
  if (plain.anyOf) {
    return plain.anyOf.map((one) => typeOf(spec, one)).filter((one) => one !== "null").join(" or ");
  }
  if (plain.enum) return plain.enum.join(", ");
  if (plain.type === "array") return `list of: ${typeOf(spec, plain.items || {})}`;
  return plain.format || plain.title && plain.properties && plain.title || plain.type || "any";
}

function parameterRow(spec, given) {
  const parameter = resolved(spec, given);
  const example = [parameter.example].flat().join(",");
  const input = make("input", {
    className: "wide",
    placeholder: example,
    value: parameter.required ? example : "",
    ariaLabel: parameter.name,
    data: { name: parameter.name, where: parameter.in },
  });
  const said = parameter.description || resolved(spec, parameter.schema).description || "";
  return make("tr", {},
    make("td", {}, make("code", {}, parameter.name), parameter.required ? " *" : ""),
    make("td", {}, input),
    make("td", { className: "type" }, [said, typeOf(spec, parameter.schema)].filter(Boolean).join(" · ")));
}

function parameterTables(spec, operation) {
  const rows = (operation.parameters || []).map((one) => parameterRow(spec, one));
  if (rows.length === 0) return [];
  const shown = 8;
  const parts = [make("table", {}, ...rows.slice(0, shown))];
  if (rows.length > shown) {
    const more = make("summary", {}, `${rows.length - shown} more parameters`);
    parts.push(make("details", {}, more, make("div", {}, make("table", {}, ...rows.slice(shown)))));
  }
  return [make("h3", {}, "Parameters"), ...parts];
}

function bodyPart(operation) {
  const content = operation.requestBody && operation.requestBody.content;
  if (!content) return [];
  const media = Object.keys(content)[0];
  const example = content[media].example;
  const text = typeof example === "string" ? example : JSON.stringify(example, null, 2);
  const area = make("textarea", { rows: 12, value: text || "", ariaLabel: "body", data: { media } });
  return [make("h3", {}, `Body: ${media}`), area];
}

function answersPart(spec, operation) {
  const rows = Object.entries(operation.responses).map(([status, given]) => {
    const answer = resolved(spec, given);
    const media = Object.values(answer.content || {})[0] || {};
    const codes = Object.entries(media.examples || {});
    const shown = codes.map(([code, one]) => `${code}: ${one.value.title}`).join("\n");
    return make("tr", {}, make("td", {}, make("code", {}, status)), make("td", {}, shown || answer.description));
  });
  return [make("h3", {}, "Answers"), make("table", {}, ...rows)];
}

function addressOf(path, form) {
  let address = path;
  const query = [];
  for (const input of form.querySelectorAll("input[data-name]")) {
    const { name, where } = input.dataset;
    if (where === "path") {
      address = address.replace(`{${name}}`, encodeURIComponent(input.value));
    } else if (where === "query" && input.value !== "") {
      query.push(`${name}=${encodeURIComponent(input.value)}`);
    }
  }
  return query.length ? `${address}?${query.join("&")}` : address;
}

function curlOf(method, address, area) {
  const parts = [`curl -X ${method.toUpperCase()} '${location.origin}${address.replaceAll("'", "%27")}'`];
  parts.push('-H "Authorization: Bearer $MODEL_CATALOG_TOKEN"');
  if (area) {
    parts.push(`-H 'Content-Type: ${area.dataset.media}'`);
    parts.push(`--data-binary '${area.value.replaceAll("'", "'\\''")}'`);
  }
  return parts.join(" \\\n  ");
}

async function send(method, address, area) {
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (area) headers["Content-Type"] = area.dataset.media;
  const begun = performance.now();
  const answer = await fetch(address, {
    method: method.toUpperCase(), headers, body: area ? area.value : undefined,
    credentials: "omit", cache: "no-store", redirect: "error",
  });
  const text = await answer.text();
  const told = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  const isJson = /^application\/(.*\+)?json\b/.test(answer.headers.get("content-type") || "");
  let shown = text;
  if (isJson && text) shown = JSON.stringify(JSON.parse(text), null, 2);
  const milliseconds = Math.round(performance.now() - begun);
  return `${answer.status} ${answer.statusText}, ${milliseconds} ms\n${told}\n\n${shown.slice(0, LONGEST)}`;
}

function operationPart(spec, path, method, operation) {
  const panel = make("div");
  const form = make("form");
  const part = make("details", { data: { text: `${method} ${path} ${operation.summary} ${operation.tags}`.toLowerCase() } },
    make("summary", {},
      make("span", { className: "method" }, method),
      make("span", { className: "path" }, path),
      make("span", { className: "said" }, operation.summary || "")),
    panel);
  part.id = operation.operationId;
  part.addEventListener("toggle", () => {
    if (part.open && !panel.hasChildNodes()) fill(spec, path, method, operation, form, panel);
  });
  return part;
}

function fill(spec, path, method, operation, form, panel) {
  const needs = operation["x-capability"];
  const result = make("pre", { hidden: true, tabIndex: 0 });
  const curl = make("pre", { hidden: true, tabIndex: 0 });
  form.append(
    make("p", {}, operation.description || "", needs ? ` Needs ${needs}.` : " Needs no token."),
    ...parameterTables(spec, operation), ...bodyPart(operation),
    make("p", {}, make("button", { type: "submit" }, "Send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const address = addressOf(path, form);
    const area = form.querySelector("textarea");
    curl.hidden = result.hidden = false;
    curl.textContent = curlOf(method, address, area);
    result.textContent = "…";
    try {
      result.textContent = await send(method, address, area);
    } catch (error) {
      result.textContent = `No answer: ${error.message}`;
    }
  });
  panel.append(form, curl, result, ...answersPart(spec, operation));
}

function show(spec, main) {
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = (item[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationPart(spec, path, method, item[method]));
    }
  }
  main.replaceChildren(...[...groups].map(([tag, parts]) =>
    make("section", {}, make("h2", {}, tag), ...parts)));
}

function find(main, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  for (const part of main.querySelectorAll("section > details")) {
    part.hidden = !words.every((word) => part.dataset.text.includes(word));
  }
  for (const section of main.querySelectorAll("section")) {
    section.hidden = !section.querySelector("details:not([hidden])");
  }
}

async function begin() {
  const main = document.getElementById("operations");
  document.getElementById("asked").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("find").addEventListener("input", (event) => find(main, event.target.value));
  try {
    const answer = await fetch("/api/v1/openapi.json", { credentials: "omit" });
    show(await answer.json(), main);
  } catch (error) {
    main.textContent = `The interface could not be read: ${error.message}`;
  }
  main.ariaBusy = "false";
}

begin();
