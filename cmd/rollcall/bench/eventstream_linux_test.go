package bench

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// streaming is how a server begins that has something to watch.
const streaming = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

const snapshotText = "retry: 1\n\nevent: snapshot\ndata: {}\n\nevent: snapshot\nid: x-7\ndata: {}\n\n"

// The kernel cuts a stream anywhere, and whoever makes chunks of it too; both may even
// fall into the middle of a line.
func TestEventsAreCountedHoweverTheyAreCut(t *testing.T) {
	text := snapshotText + joins(8, 9, 10) + ":\n\n"
	for how, answer := range map[string]string{
		"until the connection ends": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + text,
		"in chunks of 1":            streaming + inChunks(text, 1),
		"in chunks of 7":            streaming + inChunks(text, 7),
		"in chunks of 1,000":        streaming + inChunks(text, 1000),
		"in chunks that say more":   "HTTP/1.1 200 OK\r\ntransfer-encoding:Chunked\r\n\r\n" + strings.ReplaceAll(inChunks(text, 11), "b\r\n", "00B ;a=\"1\"\r\n"),
	} {
		for _, size := range []int{1, 5, 10000} {
			got := watched(answer, size)
			if got.Done != 1+3 || got.failures() > 0 || got.Latency.Count != got.Done {
				t.Errorf("%s, and pieces of %d, %d events came and failed: %v", how, size, got.Done, got.Failed)
			}
		}
	}
}

// A stream that ends is none any more, however its end is said.
func TestEndOfAStreamIsSeen(t *testing.T) {
	for how, answer := range map[string]string{
		"a length":                   fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(snapshotText)) + snapshotText,
		"the last chunk":             chunked(snapshotText) + "0\r\n\r\n",
		"one with a trailer":         chunked(snapshotText) + "0\r\nServer-Timing: a\r\n\r\n",
		"the last chunk, in letters": chunked(snapshotText) + "000;b\r\n\r\n",
	} {
		for _, size := range []int{1, 10000} {
			got := watched(answer, size)
			if want := map[string]int{errStreamEnd.Error(): 1}; got.Done != 1 || !maps.Equal(got.Failed, want) {
				t.Errorf("%s, in pieces of %d: %d came, and failed: %v", how, size, got.Done, got.Failed)
			}
		}
	}
}

// A stream that leaves something out, or tells it twice, is broken however fast it is.
func TestWhatAStreamDoesWrongIsCountedByItsCause(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		failed map[string]int
	}{
		"is full":              {"HTTP/1.1 503 Service Unavailable\r\n\r\n", map[string]int{"HTTP 503": 1}},
		"is not in chunks":     {streaming + "hello\r\n", map[string]int{errChunk.Error(): 1}},
		"is packed":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", map[string]int{`a body in the coding "gzip, chunked"`: 1}},
		"has a strange length": {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", map[string]int{errFraming.Error(): 1}},
		"leaves something out": {chunked(snapshotText + joins(8, 10)), map[string]int{errMissed.Error(): 1}},
		"begins too late":      {chunked(snapshotText + joins(9)), map[string]int{errMissed.Error(): 1}},
		"tells it twice":       {chunked(snapshotText + joins(8, 8)), map[string]int{errRepeated.Error(): 1}},
		"begins anew":          {chunked(snapshotText + "event: reset\nid:\ndata: {}\n\n"), map[string]int{errReset.Error(): 1}},
		"has no number":        {chunked(snapshotText + "event: join\nid: x\ndata: {}\n\n"), map[string]int{errEvent.Error(): 1}},
		"has no snapshot":      {chunked(joins(8)), map[string]int{"an event before the snapshot": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := watched(test.answer, 1000); !maps.Equal(got.Failed, test.failed) {
				t.Errorf("failed: %v", got.Failed)
			}
		})
	}
}

// Who falls silent while the others are told something has missed it, although no
// event that it reads says so.
func TestWhoIsToldLessThanTheOthersHasMissedIt(t *testing.T) {
	v := &watching{bystander: bystander{w: &worker{}}, over: true, last: 9}
	ahead, behind := &watcher{stage: greeted}, &watcher{stage: greeted}
	ahead.place, behind.place = 9, 8
	v.w.watchers = []*watcher{ahead}
	if !v.done() {
		t.Error("it waits although all know everything")
	}
	if v.w.watchers = append(v.w.watchers, behind); v.done() {
		t.Error("it does not wait for who is behind")
	}
	v.over, v.last = false, 0
	if v.done() {
		t.Error("it is over before its time")
	}
}

// How long an event was on its way is what the scenario is for.
func TestEventIsOnItsWayFromItsOwnTime(t *testing.T) {
	b, _, ok := cutBlock([]byte(joins(8)))
	at, err := b.at()
	if want := time.Date(2025, 10, 21, 12, 0, 0, 500_000_000, time.UTC); !ok || err != nil || !at.Equal(want) {
		t.Errorf("it happened at %s, %v", at, err)
	}
	var c clock
	if _, err := c.at(8, b); err != nil {
		t.Fatal(err)
	}
	if again, err := c.at(8, block{}); err != nil || !again.Equal(at) {
		t.Errorf("the second watcher finds %s, %v", again, err)
	}
	if _, err := c.at(8+clockSize, block{}); err == nil {
		t.Error("an event has the time of another")
	}
}

// watched has a watcher read an answer in pieces, and count from its beginning on.
func watched(answer string, size int) tally {
	v := &watcher{w: &worker{loop: &loop{began: time.Now()}, counting: true}, stage: upgrading}
	for len(answer) > 0 {
		n := min(size, len(answer))
		if err := v.take([]byte(answer[:n])); err != nil {
			v.w.tally.fail(err.Error())
			break
		}
		answer = answer[n:]
	}
	return v.w.tally
}

func chunked(text string) string { return streaming + inChunks(text, 1000) }

func inChunks(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(size, len(text))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	return b.String()
}

func joins(places ...int) string {
	text := ""
	for _, n := range places {
		text += fmt.Sprintf("event: join\nid: x-%d\ndata: {\"email\":\"a\",\"at\":\"2025-10-21T12:00:00.500000Z\"}\n\n", n)
	}
	return text
}
