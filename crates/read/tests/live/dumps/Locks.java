import java.util.concurrent.*;
import java.util.concurrent.locks.*;
public class Locks {
    static final Object ledger = new Object(), stock = new Object();
    static final ReentrantLock report = new ReentrantLock();
    static void both(Object first, Object second, CountDownLatch here) {
        synchronized (first) {
            here.countDown();
            try { here.await(); } catch (InterruptedException e) { return; }
            synchronized (second) { System.out.println("never"); }
        }
    }
    static void hold() {
        report.lock();
        try { Thread.sleep(3_600_000); } catch (InterruptedException e) { } finally { report.unlock(); }
    }
    static void want() { report.lock(); report.unlock(); }
    static void sleepIn(Object o) { synchronized (o) { try { Thread.sleep(3_600_000); } catch (InterruptedException e) {} } }
    static volatile long sum;
    static void spin() { for (long i = 0; ; i++) sum += i; }
    public static void main(String[] a) throws Exception {
        CountDownLatch here = new CountDownLatch(2);
        new Thread(() -> both(ledger, stock, here), "transfer-1").start();
        new Thread(() -> both(stock, ledger, here), "transfer-2").start();
        new Thread(Locks::hold, "report-writer").start();
        Thread.sleep(200);
        ExecutorService http = Executors.newFixedThreadPool(4, new ThreadFactory() {
            int n; public Thread newThread(Runnable r) { return new Thread(r, "http-nio-8080-exec-" + ++n); } });
        for (int i = 0; i < 3; i++) http.submit(Locks::want);
        http.submit(() -> {});
        Object cache = new Object();
        new Thread(() -> sleepIn(cache), "cache-loader").start();
        Thread.sleep(100);
        for (int i = 1; i <= 2; i++) new Thread(() -> { synchronized (cache) { } }, "reader-" + i).start();
        Object bell = new Object();
        new Thread(() -> { synchronized (bell) { try { bell.wait(); } catch (InterruptedException e) {} } }, "waiter").start();
        Thread spin = new Thread(Locks::spin, "spinner"); spin.setDaemon(true); spin.start();
        Thread.currentThread().join();
    }
}
