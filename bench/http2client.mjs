// Node's http2 on one connection: node http2client.mjs PORT CA PATH COUNT STREAMS SIZE
// Prints JSON like bench/http2client.py.
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const [port, ca, path, count, streams, size] = process.argv.slice(2);
const frame = '{"aps":{"alert":""}}';
const body = Buffer.from(
  `{"aps":{"alert":"${"x".repeat(Number(size) - frame.length)}"}}`,
);
const statuses = {};
let sent = 0;
let answered = 0;
let began;
let cpuBegan;

const session = connect(`https://localhost:${port}`, {
  ca: readFileSync(ca),
  lookup: (_, options, done) =>
    options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
});

function send() {
  const number = (sent++).toString(16).padStart(12, "0");
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "apns-topic": "com.example.app",
    "apns-push-type": "alert",
    "apns-priority": "10",
    "apns-id": `0c5d8f3e-1a2b-4c3d-8e4f-${number}`,
    "apns-expiration": String(Math.floor(Date.now() / 1000) + 604800),
  });
  stream.on("response", (headers) => {
    const status = headers[":status"];
    statuses[status] = (statuses[status] ?? 0) + 1;
  });
  stream.on("close", () => {
    if (++answered === Number(count)) finish();
    else if (sent < Number(count)) send();
  });
  stream.resume();
  stream.end(body);
}

function finish() {
  const cpu = process.cpuUsage(cpuBegan);
  console.log(
    JSON.stringify({
      seconds: (performance.now() - began) / 1000,
      cpu_seconds: (cpu.user + cpu.system) / 1e6,
      statuses,
    }),
  );
  session.destroy();
}

session.on("remoteSettings", () => {
  if (began !== undefined) return;
  began = performance.now();
  cpuBegan = process.cpuUsage();
  for (let open = 0; open < Math.min(Number(streams), Number(count)); open++) send();
});
