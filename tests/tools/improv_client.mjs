// The Improv project's own client for browsers, outside of one: a serial port made of this process's open file, orders as lines of JSON.
// Started as: node improv_client.mjs PORT; each line of standard input is [method, ...arguments], each answer a line of JSON.
import { open } from "node:fs/promises";
import { createReadStream, createWriteStream } from "node:fs";
import { register } from "node:module";
import { createInterface } from "node:readline";
import { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

// The package's modules name each other without ".js", as bundlers for browsers take it.
register(
  "data:text/javascript," +
    encodeURIComponent(`export async function resolve(name, context, next) {
      try { return await next(name, context); } catch (error) {
        if (!name.startsWith(".") || name.endsWith(".js")) throw error;
        return next(name + ".js", context);
      }
    }`),
);
globalThis.CustomEvent ??= class extends Event {
  constructor(name, options = {}) {
    super(name, options);
    this.detail = options.detail;
  }
};

const package_ = new URL("../../node_modules/improv-wifi-serial-sdk/", pathToFileURL(process.argv[1]));
const { ImprovSerial } = await import(new URL("dist/serial.js", package_));

const file = await open(process.argv[2], "r+");
const port = {
  readable: Readable.toWeb(createReadStream("", { fd: file.fd, autoClose: false })),
  writable: Writable.toWeb(createWriteStream("", { fd: file.fd, autoClose: false })),
};
const quiet = () => {};
const client = new ImprovSerial(port, { log: quiet, debug: quiet, error: quiet });

for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...given] = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await client[method](...given)) ?? null, state: client.state };
  } catch (error) {
    answer = { refused: String(error.message ?? error), state: client.state };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
