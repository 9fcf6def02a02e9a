// Reads the event streams whose addresses are lines of standard input. Prints, for each, the events: [type, data, id].
// The argument is the folder in which the packages are.

import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const entry = 'node_modules/eventsource-parser/dist/stream.js';
const { EventSourceParserStream } = await import(pathToFileURL(`${process.argv[2]}/${entry}`));

async function read(url) {
  const seen = [];
  let last = '';
  const { body } = await fetch(url);
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { id, event, data } of events) {
    last = id ?? last;
    seen.push([event ?? 'message', data, last]);
  }
  return seen;
}

const seen = [];
for (const url of (await text(process.stdin)).split('\n')) {
  seen.push(await read(url));
}
console.log(JSON.stringify(seen));
