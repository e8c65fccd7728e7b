import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A scheduler that makes a new job object for every firing, as Quartz does, and a job that keeps
 * its thread pool in a field. Nothing shuts the pools down, so every firing leaves two threads.
 */
public class LeakingJobs {
    /** Asks a gateway which messages were delivered. */
    static class DeliveryStatusJob implements Runnable {
        private final ExecutorService senders = Executors.newFixedThreadPool(2);

        @Override
        public void run() {
            senders.submit(() -> ask("delivered"));
            senders.submit(() -> ask("failed"));
        }

        private static int ask(String state) {
            return state.length();
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        ScheduledExecutorService scheduler = Executors.newScheduledThreadPool(1, body -> {
            return new Thread(body, "scheduler-1");
        });
        // The job is made anew for each firing: here is the leak.
        scheduler.scheduleAtFixedRate(
            () -> new DeliveryStatusJob().run(), 0, 1000, TimeUnit.MILLISECONDS);
        Thread.currentThread().join();
    }
}
