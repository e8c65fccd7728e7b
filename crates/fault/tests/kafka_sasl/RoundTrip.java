import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Logs in, sends records, reads them back: `RoundTrip BOOTSTRAP MECHANISM USER PASSWORD TOPIC N`. */
public class RoundTrip {
    public static void main(String[] args) throws Exception {
        Properties common = new Properties();
        common.put("bootstrap.servers", args[0]);
        common.put("security.protocol", "SASL_PLAINTEXT");
        common.put("sasl.mechanism", args[1]);
        String module = args[1].equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        common.put("sasl.jaas.config", "org.apache.kafka.common.security." + module
            + " required username=\"" + args[2] + "\" password=\"" + args[3] + "\";");
        common.put("request.timeout.ms", "5000");
        common.put("default.api.timeout.ms", "20000");
        int count = Integer.parseInt(args[5]);
        int sent = 0;
        Properties producing = new Properties();
        producing.putAll(common);
        producing.putAll(Map.of("acks", "all", "delivery.timeout.ms", "20000",
            "max.block.ms", "20000", "linger.ms", "0"));
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(producing, new StringSerializer(), new StringSerializer())) {
            for (int n = 0; n < count; n++) {
                producer.send(new ProducerRecord<>(args[4], n % 3, null, "record " + n)).get();
                sent++;
            }
        } catch (ExecutionException failed) {
            System.out.println("failed " + failed.getCause().getClass().getSimpleName()
                + ": " + failed.getCause().getMessage());
            return;
        }
        Properties consuming = new Properties();
        consuming.putAll(common);
        consuming.putAll(Map.of("group.id", args[4] + "-readers", "auto.offset.reset", "earliest"));
        int read = 0;
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
                consuming, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(args[4]));
            long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (read < count && System.nanoTime() < end) {
                read += consumer.poll(Duration.ofMillis(200)).count();
            }
        }
        System.out.println("sent " + sent + " read " + read);
    }
}
