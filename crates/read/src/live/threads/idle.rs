//! Whether a thread waits for work.

/// Calls in which a thread of a pool waits for its next task, or a loop for its next event.
const WAITS_FOR_WORK: &[&str] = &[
    // java.util.concurrent
    "java.util.concurrent.ThreadPoolExecutor.getTask(",
    "java.util.concurrent.ForkJoinPool.awaitWork(",
    // The virtual machine's own threads
    "java.lang.ref.Reference.waitForReferencePendingList(",
    "java.lang.ref.ReferenceQueue.remove",
    "java.lang.ref.NativeReferenceQueue.remove(",
    "java.util.TimerThread.mainLoop(",
    // Selectors and acceptors
    "sun.nio.ch.EPoll.wait(",
    "sun.nio.ch.EPollArrayWrapper.epollWait(",
    "sun.nio.ch.KQueue.poll(",
    "sun.nio.ch.WEPoll.wait(",
    "sun.nio.ch.Net.accept(",
    "sun.nio.ch.ServerSocketChannelImpl.accept0(",
    "java.net.PlainSocketImpl.socketAccept(",
    "io.netty.channel.epoll.Native.epollWait",
    "io.netty.util.concurrent.SingleThreadEventExecutor.takeTask(",
    "io.netty.util.HashedWheelTimer$Worker.waitForNextTick(",
    // Servers
    "org.apache.tomcat.util.threads.ThreadPoolExecutor.getTask(",
    "org.eclipse.jetty.util.thread.QueuedThreadPool.idleJobPoll(",
    "org.eclipse.jetty.util.thread.ReservedThreadExecutor$ReservedThread.reservedWait(",
    "org.jboss.threads.EnhancedQueueExecutor$PoolThreadNode.park(",
    "org.jboss.threads.EnhancedQueueExecutor$PoolThreadNode.waitForTask(",
    "weblogic.work.ExecuteThread.waitForRequest(",
    "reactor.core.scheduler.BoundedElasticScheduler",
    // Actors
    "akka.dispatch.forkjoin.ForkJoinPool.scan(",
];

/// Loops of Quartz in which a thread waits on its own object.
const QUARTZ_LOOPS: &[&str] = &[
    "org.quartz.simpl.SimpleThreadPool$WorkerThread.run(",
    "org.quartz.core.QuartzSchedulerThread.run(",
];

/// How deep below the waiting itself such a call stands.
const DEPTH_MAX: usize = 14;

/// Whether a stack is that of a thread that waits for work.
pub(super) fn is_idle(stack: &[String]) -> bool {
    let innermost = &stack[..stack.len().min(DEPTH_MAX)];
    let is_waiting = |frame: &String| WAITS_FOR_WORK.iter().any(|call| frame.starts_with(call));
    innermost.iter().any(is_waiting) || is_parked_worker(stack) || is_quartz_worker(stack)
}

/// A worker of a fork-join pool that is parked right below its loop, in one version or another.
fn is_parked_worker(stack: &[String]) -> bool {
    let parked = stack
        .iter()
        .take_while(|frame| frame.contains("Unsafe.park(") || frame.contains("LockSupport.park"))
        .count();
    parked > 0
        && stack.get(parked).is_some_and(|frame| {
            frame.contains("ForkJoinPool.runWorker(") || frame.contains("ForkJoinPool.scan(")
        })
}

/// Quartz' pool has no queue: a worker waits on its own object in `run`.
fn is_quartz_worker(stack: &[String]) -> bool {
    let waiting =
        stack.iter().take_while(|frame| frame.starts_with("java.lang.Object.wait")).count();
    waiting > 0
        && stack
            .get(waiting)
            .is_some_and(|frame| QUARTZ_LOOPS.iter().any(|call| frame.starts_with(call)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(frames: &[&str]) -> bool {
        is_idle(&frames.iter().map(|frame| (*frame).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn waiting_for_a_task_is_idle_and_waiting_in_one_is_not() {
        let park = "jdk.internal.misc.Unsafe.park(Native Method)";
        let take = "java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:435)";
        let get = "java.util.concurrent.ThreadPoolExecutor.getTask(ThreadPoolExecutor.java:1062)";
        assert!(idle(&[park, take, get]));
        assert!(!idle(&[park, take, "shop.Orders.next(Orders.java:7)"]));
        let wait = "java.lang.Object.wait(Native Method)";
        let quartz =
            "org.quartz.simpl.SimpleThreadPool$WorkerThread.run(SimpleThreadPool.java:568)";
        assert!(idle(&[wait, quartz]));
        assert!(!idle(&[wait, "shop.Job.execute(Job.java:9)", quartz]));
        assert!(!idle(&[]));
    }
}
