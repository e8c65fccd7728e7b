package app.messages;

import java.util.concurrent.CompletableFuture;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
public class SendController {

    private final MessageSender sender;

    public SendController(MessageSender sender) {
        this.sender = sender;
    }

    @GetMapping("/sendMessage")
    public CompletableFuture<ResponseEntity<String>> sendMessage() {
        return sender.send("hello")
                .thenApply(sent -> ResponseEntity.ok("sent"))
                .exceptionally(failure -> ResponseEntity.status(HttpStatus.BAD_GATEWAY).body("not sent"));
    }
}
