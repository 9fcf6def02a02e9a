// Reads the event streams whose addresses are lines of standard input. Prints, for each reader and each stream, the events
// that it hands out: [type, data, id].

import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

// The packages lie elsewhere than this file.
const require = createRequire(pathToFileURL(`${process.argv[2]}/`));
const EventSource = require('eventsource');
const { EventSourceParserStream } = await import(
  pathToFileURL(`${process.argv[2]}/node_modules/eventsource-parser/dist/stream.js`)
);
const names = JSON.parse(process.argv[3]);

async function parsed(url) {
  const seen = [];
  let last = '';
  const response = await fetch(url);
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { id, event, data } of events) {
    last = id ?? last;
    seen.push([event ?? 'message', data, last]);
  }
  return seen;
}

function followed(url) {
  return new Promise((resolve) => {
    const seen = [];
    const source = new EventSource(url);
    for (const name of new Set(['error', ...names])) {
      source.addEventListener(name, ({ type, data, lastEventId }) => {
        if (data !== undefined) {
          seen.push([type, data, lastEventId]);
        } else {
          source.close();
          resolve(seen);
        }
      });
    }
  });
}

const urls = (await text(process.stdin)).trim().split('\n');
const seen = { 'eventsource-parser': [], eventsource: [] };
for (const url of urls) {
  seen['eventsource-parser'].push(await parsed(url));
  seen.eventsource.push(await followed(url));
}
console.log(JSON.stringify(seen));
