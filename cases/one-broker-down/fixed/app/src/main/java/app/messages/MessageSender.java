package app.messages;

import java.util.concurrent.CompletableFuture;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.SendResult;
import org.springframework.stereotype.Service;

@Service
public class MessageSender {

    private final KafkaTemplate<String, String> template;

    public MessageSender(KafkaTemplate<String, String> template) {
        this.template = template;
    }

    public CompletableFuture<SendResult<String, String>> send(String text) {
        return template.send("my_topic", "key", text);
    }
}
