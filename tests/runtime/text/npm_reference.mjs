// What tokenizers from npm make of texts: `node npm_reference.mjs KIND FOLDER TEXTS OUT [FOLDER_OF_DATA]`.
//
// TEXTS is a JSON list of texts. OUT becomes {"ids": a list of ids for each, ...}, without tokens that only begin
// or end a text. KIND is the package in FOLDER:
//   huggingface   @huggingface/tokenizers, with the tokenizer.json and tokenizer_config.json in FOLDER_OF_DATA
//   llama2        llama-tokenizer-js, which has its data; its tokens and merges go to OUT as well
//   llama3        llama3-tokenizer-js, which has its data
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [kind, folder, texts_path, out_path, data] = process.argv.slice(2);
const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const load = (path) => import(pathToFileURL(`${folder}/package/${path}`).href);
const texts = json(texts_path);
const result = {};

if (kind === "huggingface") {
  const { Tokenizer } = await load("dist/tokenizers.mjs");
  const tokenizer = new Tokenizer(
    json(`${data}/package/models/tokenizer.json`),
    json(`${data}/package/models/tokenizer_config.json`),
  );
  result.ids = texts.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids);
} else if (kind === "llama2") {
  const tokenizer = (await load("llama-tokenizer.js")).default;
  result.ids = texts.map((text) => tokenizer.encode(text, false, true));
  result.tokens = tokenizer.vocabById;
  result.merges = [...tokenizer.merges.keys()];
} else if (kind === "llama3") {
  const tokenizer = (await load("bundle/llama3-tokenizer-with-baked-data.js")).default;
  result.ids = texts.map((text) => tokenizer.encode(text, { bos: false, eos: false }));
} else {
  throw new Error(`${kind} is no kind`);
}
writeFileSync(out_path, JSON.stringify(result));
