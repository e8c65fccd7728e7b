// Drives a server of Toxiproxy's API with `toxiproxy-node-client` and prints what it answers.
// Usage: node node.js API_URL UPSTREAM_PORT, with NODE_PATH at the client.
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const [url, port] = process.argv.slice(2);
const upstream = `127.0.0.1:${port}`;
const toxiproxy = new Toxiproxy(url);

// Ports differ between runs.
const show = (what, value) =>
  console.log(what, JSON.stringify(value, (key, v) => (typeof v === "string" ? v.replace(/:\d{4,5}$/, ":PORT") : v)));
const fails = async (what, action) => {
  try {
    await action();
    show(what, "no error");
  } catch (error) {
    show(what, error.message);
  }
};

// Sends a line, tells what came back or how the connection ended, and whether it took long.
const echo = (listen, wait = 2000) =>
  new Promise((resolve) => {
    const start = Date.now();
    const socket = net.connect(Number(listen.split(":").pop()), "127.0.0.1");
    const done = (outcome) => {
      socket.destroy();
      resolve(`${outcome}, ${Date.now() - start >= 250 ? "slow" : "fast"}`);
    };
    socket.on("connect", () => socket.write("hello\n"));
    socket.on("data", (data) => done(`data ${data.length}`));
    socket.on("end", () => done("end"));
    socket.on("error", (error) => done(error.code));
    setTimeout(() => done("silence"), wait).unref();
  });

(async () => {
  const proxy = await toxiproxy.createProxy({ name: "one", listen: "127.0.0.1:0", upstream });
  show("created", proxy.toJson());
  show("echo", await echo(proxy.listen));
  await fails("created again", () => toxiproxy.createProxy({ name: "one", listen: "127.0.0.1:0", upstream }));
  await fails("without upstream", () => toxiproxy.createProxy({ name: "two", listen: "127.0.0.1:0" }));
  await fails("unknown proxy", () => toxiproxy.get("nobody"));
  show("got", (await toxiproxy.get("one")).toJson());
  show("all", Object.keys(await toxiproxy.getAll()));

  const toxics = {
    latency: { latency: 300, jitter: 0 },
    bandwidth: { rate: 1000 },
    slow_close: { delay: 10 },
    timeout: { timeout: 300 },
    reset_peer: { timeout: 0 },
    slicer: { average_size: 3, size_variation: 1, delay: 10 },
    limit_data: { bytes: 0 },
  };
  for (const [type, attributes] of Object.entries(toxics)) {
    const toxic = await proxy.addToxic({ type, attributes });
    show(type, toxic.toJson());
    if (type !== "slicer") show(`${type} echo`, await echo(proxy.listen));
    show(`${type} read`, (await proxy.getToxic(toxic.name)).toJson());
    await fails(`${type} again`, () => proxy.addToxic({ type, attributes }));
    const key = Object.keys(attributes)[0];
    show(`${type} updated`, (await toxic.update({ attributes: { [key]: 7 }, toxicity: 0 })).toJson());
    show(`${type} off echo`, await echo(proxy.listen));
    await toxic.remove();
    await fails(`${type} gone`, () => proxy.getToxic(toxic.name));
  }
  await fails("unknown type", () => proxy.addToxic({ type: "flood", attributes: {} }));
  await fails("unknown stream", () => proxy.addToxic({ type: "latency", stream: "sideways", attributes: {} }));

  const named = await proxy.addToxic({ name: "mine", type: "timeout", stream: "upstream", toxicity: 0.25, attributes: {} });
  show("named", named.toJson());
  show("disabled", (await proxy.update({ enabled: false })).toJson());
  show("disabled echo", await echo(proxy.listen));
  await toxiproxy.reset();
  await fails("named after reset", () => proxy.getToxic("mine"));
  show("enabled by reset", (await toxiproxy.get("one")).toJson());

  const populated = await toxiproxy.populate([
    { name: "one", listen: proxy.listen, upstream },
    { name: "two", listen: "127.0.0.1:0", upstream, enabled: false },
  ]);
  for (const [name, made] of Object.entries(populated)) show(`populated ${name}`, made.toJson());
  show("versions are text", typeof (await toxiproxy.getVersion()));
  for (const made of Object.values(await toxiproxy.getAll())) await made.remove();
  show("left", Object.keys(await toxiproxy.getAll()));
})().catch((error) => {
  console.log("failed:", error.message);
  process.exitCode = 1;
});
