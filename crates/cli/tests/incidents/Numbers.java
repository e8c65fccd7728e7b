import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends the numbers 0 to COUNT-1, one each INTERVAL ms, while a listener of my-group reads. */
public class Numbers {

    private static final Logger log = LoggerFactory.getLogger("app.messages.Numbers");

    /** Bootstrap servers, count, interval in ms. */
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[1]);
        AtomicInteger acknowledged = new AtomicInteger();
        AtomicInteger received = new AtomicInteger();
        AtomicLong longest = new AtomicLong();
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        Thread listener = new Thread(() -> listen(args[0], received), "listener");
        listener.setDaemon(true);
        listener.start();
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < count; number++) {
                long begun = System.nanoTime();
                producer.send(new ProducerRecord<>("my_topic", "key", "" + number), (sent, failure) -> {
                    if (failure != null) {
                        log.warn("not sent", failure);
                        return;
                    }
                    longest.accumulateAndGet((System.nanoTime() - begun) / 1_000_000, Math::max);
                    int all = acknowledged.incrementAndGet();
                    if (all % 100 == 0) {
                        log.info("acknowledged {}", all);
                    }
                });
                Thread.sleep(Long.parseLong(args[2]));
            }
        }
        log.info("all acknowledged: {}, the longest took {} ms", acknowledged, longest);
        for (int second = 0; second < 60 && received.get() < acknowledged.get(); second++) {
            Thread.sleep(1000);
        }
        log.info("received {}", received);
        System.exit(acknowledged.get() == count && received.get() >= count ? 0 : 1);
    }

    private static void listen(String servers, AtomicInteger received) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", servers);
        settings.put("group.id", "my-group");
        settings.put("auto.offset.reset", "earliest");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("my_topic"));
            while (true) {
                received.addAndGet(consumer.poll(Duration.ofSeconds(1)).count());
            }
        }
    }
}
