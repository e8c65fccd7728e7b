// Sends numbers for some seconds and reads them back in a group: node kafkajs.js BOOTSTRAP TOPIC SECONDS
const { Kafka, logLevel } = require('kafkajs');

const [bootstrap, topic, seconds] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: 'kafkajs',
  brokers: bootstrap.split(','),
  logLevel: logLevel.NOTHING,
  requestTimeout: 5000,
  retry: { initialRetryTime: 200, retries: 40, maxRetryTime: 1000 },
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main() {
  const read = new Set();
  const acknowledged = new Set();
  let twice = 0;
  let sent = 0;
  let failed = 0;
  const consumer = kafka.consumer({ groupId: `kafkajs-${topic}`, sessionTimeout: 10000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const number = message.value.toString();
      if (read.has(number)) twice += 1;
      read.add(number);
    },
  });
  // Its idempotent producer takes records for stored that a leader which moved has not.
  const producer = kafka.producer({ idempotent: false });
  await producer.connect();
  const end = Date.now() + Number(seconds) * 1000;
  while (Date.now() < end) {
    const batch = [];
    // One partition for each call: where a call has several and a leader moves to a broker that has
    // answered already, the client sends that partition to nobody and calls it done.
    const partition = (sent / 5) % 6;
    for (let n = 0; n < 5; n += 1) {
      const number = String(sent);
      sent += 1;
      batch.push({ key: number, value: number, partition });
    }
    try {
      await producer.send({ topic, acks: -1, messages: batch });
      batch.forEach(({ value }) => acknowledged.add(value));
    } catch (error) {
      failed += batch.length;
      console.error(`${batch[0].value}: ${error}`);
    }
    await sleep(50);
  }
  const missing = () => [...acknowledged].filter((number) => !read.has(number)).length;
  for (let wait = 0; wait < 600 && missing() > 0; wait += 1) await sleep(100);
  console.log(JSON.stringify({
    sent, acknowledged: acknowledged.size, failed, read: read.size, missing: missing(), twice,
  }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
