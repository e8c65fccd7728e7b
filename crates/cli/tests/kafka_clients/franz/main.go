// Sends numbers for some seconds and reads them back in a group: franz BOOTSTRAP TOPIC SECONDS
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	brokers, topic := strings.Split(os.Args[1], ","), os.Args[2]
	seconds, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	read, acknowledged := map[string]bool{}, map[string]bool{}
	twice, sent, failed := 0, 0, 0

	consumer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ClientID("franz"),
		kgo.ConsumerGroup("franz-"+topic), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			fetches := consumer.PollFetches(ctx)
			lock.Lock()
			fetches.EachRecord(func(record *kgo.Record) {
				number := string(record.Value)
				if read[number] {
					twice++
				}
				read[number] = true
			})
			lock.Unlock()
		}
	}()

	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ClientID("franz"),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProduceRequestTimeout(5*time.Second))
	if err != nil {
		panic(err)
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for time.Now().Before(end) {
		number := strconv.Itoa(sent)
		sent++
		record := &kgo.Record{Topic: topic, Key: []byte(number), Value: []byte(number)}
		producer.Produce(ctx, record, func(_ *kgo.Record, err error) {
			lock.Lock()
			defer lock.Unlock()
			if err == nil {
				acknowledged[number] = true
			} else {
				failed++
				fmt.Fprintln(os.Stderr, number, err)
			}
		})
		time.Sleep(10 * time.Millisecond)
	}
	if err := producer.Flush(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	missing := func() int {
		lock.Lock()
		defer lock.Unlock()
		count := 0
		for number := range acknowledged {
			if !read[number] {
				count++
			}
		}
		return count
	}
	for wait := 0; wait < 600 && missing() > 0; wait++ {
		time.Sleep(100 * time.Millisecond)
	}
	gone := missing()
	cancel()
	lock.Lock()
	defer lock.Unlock()
	fmt.Printf(`{"sent":%d,"acknowledged":%d,"failed":%d,"read":%d,"missing":%d,"twice":%d}`+"\n",
		sent, len(acknowledged), failed, len(read), gone, twice)
}
